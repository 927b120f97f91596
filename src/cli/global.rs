//! The options that every verb understands.

use std::path::{Path, PathBuf};

use super::tell::{Lang, Tell};
use crate::config::Config;
use crate::error::{Error, Kind, Result};
use crate::observe::Secret;
use crate::translate::Library;

/// Options that may stand before or after the verb.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// The configuration file [default: ./tombolo.yaml if there is one]
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// A folder of mappings that lies over the built-in ones; repeatable [default: the folder
    /// `mappings` beside the configuration file, else ./mappings]
    #[arg(short = 'C', long = "mappings", value_name = "DIR", global = true)]
    pub mappings: Vec<PathBuf>,
    /// A folder of profiles; this version does not use it yet, and only checks that it is there
    #[arg(long, value_name = "DIR", global = true)]
    pub profiles: Option<PathBuf>,
    /// The folder of the store, in place of the configuration's `store` [default: ./data]
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// The language of what is said to people [default: the locale's]
    #[arg(long, value_name = "LANG", global = true)]
    pub lang: Option<Lang>,
}

impl Global {
    /// The voice to talk to people with.
    pub fn tell(&self) -> Tell {
        Tell::new(self.lang.unwrap_or_else(Lang::of_locale))
    }

    /// Refuses folders that are not there.
    pub fn check(&self) -> Result<()> {
        let missing = self.mappings.iter().chain(&self.profiles).find(|folder| !folder.is_dir());
        match missing {
            None => Ok(()),
            Some(folder) => Err(Error::new(Kind::Usage, "there is no such folder")
                .at(folder.display().to_string())
                .advise("name a folder that exists, or leave the option out")),
        }
    }

    /// The configuration file: the named one, or `./tombolo.yaml` if it exists.
    pub fn config_file(&self) -> Option<PathBuf> {
        let beside_us = || Some(PathBuf::from("tombolo.yaml")).filter(|path| path.is_file());
        self.config.clone().or_else(beside_us)
    }

    /// The configuration: the file, or the defaults where there is none; `--data` chooses the
    /// store's folder.
    pub fn configuration(&self) -> Result<Config> {
        let mut config = match self.config_file() {
            Some(file) => Config::read(&file)?,
            None => Config::default(),
        };
        if let Some(folder) = &self.data {
            config.store = Secret::new(format!("sqlite:{}", folder.join("tombolo.db").display()));
        }
        Ok(config)
    }

    /// The mappings: the folders named with `--mappings`, else the folder `mappings` beside the
    /// configuration file, else `./mappings`; each lies over those in the binary, by name.
    pub fn library(&self) -> Result<Library> {
        Library::open(&self.mapping_folders())
    }

    /// The folders that [`Global::library`] lays over the built-in mappings.
    pub fn mapping_folders(&self) -> Vec<PathBuf> {
        if !self.mappings.is_empty() {
            return self.mappings.clone();
        }
        let beside = self.config_file().map(|file| beside(&file, "mappings"));
        let here = PathBuf::from("mappings");
        beside.into_iter().chain([here]).find(|folder| folder.is_dir()).into_iter().collect()
    }
}

/// A path beside a file.
fn beside(file: &Path, name: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}
