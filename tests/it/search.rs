//! Search over the store: it finds what the same search finds in memory, pages neither skip nor
//! repeat while others write, and includes bring along what they should.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tombolo::Kind;
use tombolo::fhir::definitions::Definitions;
use tombolo::fhir::query;
use tombolo::observe::Clock;
use tombolo::search::params::Params;
use tombolo::search::terms::terms;
use tombolo::search::{PAGE, Search};
use tombolo::store::{Body, Commit, Did, Page, Store, Stored, When, Write};

fn put(body: &Value) -> Write {
    Write {
        kind: body["resourceType"].as_str().unwrap().to_owned(),
        id: body["id"].as_str().unwrap().to_owned(),
        body: Body::Replace(body.clone()),
        when: When::Always,
    }
}

async fn store_of(resources: &[Value]) -> Store {
    let store = Store::open("sqlite::memory:").unwrap();
    let writes = resources.iter().map(put).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
    store
}

fn parse(url: &str) -> Search {
    let (kind, pairs) = query::split(url).unwrap();
    Search::parse(kind, &pairs).unwrap_or_else(|e| panic!("{url}: {e}"))
}

async fn page(store: &Store, url: &str) -> Page {
    store.search(&parse(url)).await.unwrap_or_else(|e| panic!("{url}: {e}"))
}

fn ids(found: &[Stored]) -> Vec<String> {
    found.iter().map(|s| s.id.clone()).collect()
}

/// All ids of a search, page by page, and how many pages that were.
async fn walk(store: &Store, url: &str) -> (Vec<String>, usize) {
    let mut search = parse(url);
    let (mut all, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.search(&search).await.unwrap_or_else(|e| panic!("{url}: {e}"));
        assert!(page.matches.len() <= search.count);
        all.extend(ids(&page.matches));
        pages += 1;
        match page.next {
            Some(next) => search.page = Some(next),
            None => return (all, pages),
        }
    }
}

/// Patients and observations that differ in everything that is searched.
fn cast() -> Vec<Value> {
    let names = ["张三", "李四", "Müller", "mulligan", "欧阳修", "张", "O'Neill, Ann", "王%_"];
    let births = [
        json!("1980"),
        json!("1980-05"),
        json!("1980-05-15"),
        json!("1979-12-31"),
        json!("1981-01-01"),
        Value::Null,
        json!("1980-06"),
        json!("not a date"),
    ];
    let mut all = Vec::new();
    for n in 0..48_usize {
        let mut patient = json!({
            "resourceType": "Patient", "id": format!("p{n}"),
            "name": [{"text": names[n % 8]}, {"family": format!("家{}", n % 5)}],
            "gender": (["male", "female", "unknown"][n % 3]),
            "identifier": [
                {"system": (["urn:oid:1", "urn:oid:2"][n % 2]), "value": format!("{}", n / 2)},
                {"value": "shared"},
            ],
            "meta": {"tag": [{"system": "urn:t", "code": format!("t{}", n % 4)}]},
            "managingOrganization": {"reference": format!("Organization/h{}", n % 3)},
        });
        if births[n % 8] != Value::Null {
            patient["birthDate"] = births[n % 8].clone();
        }
        all.push(patient);
        let mut observation = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "status": "final",
            "code": {"coding": [
                {"system": "http://loinc.org", "code": format!("c{}", n % 6)},
                {"system": "urn:local", "code": "all"},
            ]},
            "subject": {"reference": match n % 4 {
                3 => format!("Group/g{}", n % 2),
                _ => format!("Patient/p{}", n % 7),
            }},
            "valueQuantity": {
                "value": n as f64 / 4.0, "system": "http://unitsofmeasure.org",
                "code": (["mg", "g"][n % 2]),
            },
        });
        match n % 5 {
            0 => {
                observation["effectiveDateTime"] =
                    json!(format!("2024-03-{:02}T07:30:00+08:00", n % 28 + 1))
            }
            1 => observation["effectiveDateTime"] = json!("2024"),
            2 => observation["effectivePeriod"] = json!({"start": "2024-03-10"}),
            3 => observation["effectivePeriod"] = json!({"start": "2024-02-01", "end": "2024-04"}),
            _ => {}
        }
        all.push(observation);
    }
    for n in 0..2 {
        all.push(json!({"resourceType": "Organization", "id": format!("h{n}"), "name": "院"}));
    }
    all
}

/// Every way to ask for one parameter of each family.
fn questions() -> Vec<String> {
    let mut all = vec!["Patient?".to_owned(), "Observation?".to_owned()];
    let mut ask = |kind: &str, name: &str, values: &[&str]| {
        all.extend(values.iter().map(|value| format!("{kind}?{name}={value}")));
    };
    let prefixed = |values: &[&str]| -> Vec<String> {
        let ops = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
        values.iter().flat_map(|v| ops.map(|op| format!("{op}{v}"))).collect()
    };
    ask(
        "Patient",
        "name",
        &["张", "张三", "mu", "MULL", "o'neill", "三", "王%25", "王_", "家1,李"],
    );
    ask("Patient", "name:exact", &["张", "Müller", "muller", "O'Neill\\, Ann"]);
    ask("Patient", "name:contains", &["三", "ll", "%25_", "x"]);
    ask("Patient", "gender", &["male", "|male", "male,female", "x"]);
    ask("Patient", "gender:not", &["male", "male,female", "x"]);
    ask("Patient", "gender", &["http://hl7.org/fhir/administrative-gender|"]);
    ask("Patient", "birthdate:missing", &["true", "false"]);
    ask("Patient", "language:missing", &["true", "false"]);
    ask(
        "Patient",
        "identifier",
        &["3", "urn:oid:1|3", "urn:oid:1|", "|shared", "shared", "|3", "urn:no|3"],
    );
    ask("Patient", "identifier:not", &["shared", "urn:oid:1|"]);
    ask("Patient", "_tag", &["t1", "urn:t|t1", "urn:t|t1,urn:t|t2", "urn:t|"]);
    ask("Patient", "_id", &["p1", "p1,p2,nobody", "nobody", "o1"]);
    ask("Patient", "organization", &["h1", "Organization/h2", "h0,h1", "Organization/none"]);
    ask(
        "Observation",
        "code",
        &["c1", "http://loinc.org|c1", "http://loinc.org|", "urn:local|all", "c1,c2"],
    );
    ask("Observation", "subject", &["Patient/p1", "p1", "Group/g1", "g1", "p1,Group/g1"]);
    ask("Observation", "subject:Group", &["g1", "p1"]);
    ask("Observation", "patient", &["p1", "Patient/p2", "p1,p2"]);
    ask("Observation", "encounter:missing", &["true", "false"]);
    let births = prefixed(&["1980", "1980-05", "1980-05-15", "1979", "1980-05-15T12:00:00Z"]);
    for value in births {
        ask("Patient", "birthdate", &[&value]);
    }
    for value in prefixed(&["2024", "2024-03", "2024-03-11", "2024-03-11T07:30:00%2B08:00", "2030"])
    {
        ask("Observation", "date", &[&value]);
    }
    for value in prefixed(&["3", "3.25", "3.25||mg", "3.5|http://unitsofmeasure.org|g", "3||no"]) {
        ask("Observation", "value-quantity", &[&value]);
    }
    for value in prefixed(&["2020", "2199"]) {
        ask("Observation", "_lastUpdated", &[&value]);
    }
    all.extend(
        [
            "Patient?name=张&gender=male",
            "Patient?name=张&name=家1&identifier=shared",
            "Patient?gender=male&birthdate=ge1980&birthdate=lt1981&_tag=t0,t1",
            "Patient?identifier=urn:oid:1|&gender:not=male&birthdate:missing=false",
            "Observation?patient=p1&code=c1,c2&date=ge2024-03",
            "Observation?code=urn:local|all&value-quantity=gt5&subject=p1,p2,p3",
            "Observation?_id=o1,o2,o3&code=c1,c2&_lastUpdated=gt2020",
            "Observation?status=final&date:missing=true",
        ]
        .map(str::to_owned),
    );
    all
}

#[tokio::test]
async fn the_store_finds_what_memory_finds_whatever_leads() {
    let cast = cast();
    let store = store_of(&cast).await;
    // As read back, so that ids and times are the store's; some are changed, one is deleted.
    let change = |n: usize| {
        let mut changed = cast[n].clone();
        changed["gender"] = json!("other");
        changed["name"] = json!([{"text": "张三"}]);
        put(&changed)
    };
    let delete = Write { body: Body::Delete, ..put(&cast[2]) };
    let writes = vec![change(0), change(4), change(4), delete];
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
    let mut now = Vec::new();
    for resource in &cast {
        let (kind, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
        let read = store.read(kind.unwrap(), id.unwrap()).await.unwrap().unwrap();
        if !read.deleted {
            let read: Value = serde_json::from_slice(&read.json).unwrap();
            let terms = terms(Params::r4(), &read);
            now.push((read, terms));
        }
    }
    let (mut some, mut none) = (0, 0);
    for url in questions() {
        let search = parse(&url);
        let expected: BTreeSet<String> = now
            .iter()
            .filter(|(resource, _)| resource["resourceType"] == search.kind)
            .filter(|(resource, terms)| search.clauses.iter().all(|c| c.holds(resource, terms)))
            .map(|(resource, _)| resource["id"].as_str().unwrap().to_owned())
            .collect();
        for paged in ["", "&_count=17", "&_count=23&_sort=-_lastUpdated", "&_count=31&_sort=_id"] {
            let (found, pages) = walk(&store, &format!("{url}{paged}")).await;
            let set: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(set, expected, "{url}{paged}");
            assert_eq!(set.len(), found.len(), "{url}{paged} repeats");
            assert!(paged.is_empty() || pages >= expected.len().div_ceil(31));
            if paged.ends_with("_id") {
                assert!(found.is_sorted(), "{url}{paged}: {found:?}");
            }
        }
        let total = page(&store, &format!("{url}&_summary=count")).await;
        assert_eq!(total.total, Some(expected.len() as u64), "{url}");
        assert!(total.matches.is_empty());
        *(if expected.is_empty() { &mut none } else { &mut some }) += 1;
    }
    assert!(some > 100 && none > 10, "{some} searches find something, {none} nothing");
}

#[tokio::test]
async fn sorting_puts_what_has_no_value_last() {
    let patient = |id: &str, birth: Value, family: Value| json!({"resourceType": "Patient", "id": id, "birthDate": birth, "name": [{"family": family}]});
    let store = store_of(&[
        patient("a", json!("1980"), json!("Zhou")),
        patient("b", Value::Null, json!("Li")),
        patient("c", json!("1990-05"), Value::Null),
        patient("d", json!("1980-06-01"), json!("li")),
        patient("e", Value::Null, Value::Null),
    ])
    .await;
    for (sort, expected) in [
        ("birthdate", "adcbe"),
        ("-birthdate", "cdabe"),
        ("family", "bdace"),
        ("-family", "abdce"),
        ("family,-birthdate", "dbace"),
        ("family,birthdate,_id", "dbace"),
        ("-_id", "edcba"),
        ("_lastUpdated", "abcde"),
        ("-_lastUpdated", "edcba"),
    ] {
        for count in [1, 2, 50] {
            let (found, _) = walk(&store, &format!("Patient?_sort={sort}&_count={count}")).await;
            assert_eq!(found.concat(), expected, "{sort} by {count}");
        }
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_others_write() {
    let cast = cast();
    let mut round = 0;
    for url in [
        "Patient?_count=2",
        "Patient?identifier=shared&_count=2",
        "Patient?name=张,家&_count=3",
        "Patient?gender:not=male&_count=3",
        "Patient?_sort=birthdate&_count=4",
        "Patient?_sort=-_lastUpdated&_count=4",
        "Observation?code=urn:local|all&date=ge2024&_count=2",
        "Observation?_sort=-date&_count=2",
        "Observation?_lastUpdated=gt2020&_count=5",
    ] {
        let store = store_of(&cast).await;
        let (expected, _) = walk(&store, &format!("{url}&_count=1000")).await;
        assert!(expected.len() > 10, "{url}");
        let mut search = parse(url);
        let mut found = Vec::new();
        loop {
            let page = store.search(&search).await.unwrap();
            found.extend(ids(&page.matches));
            let Some(next) = page.next else { break };
            search.page = Some(next);
            // Between two pages: some change so that they match no more, some go, some come.
            for _ in 0..5 {
                round += 1;
                let id = |n: usize| (n * 2) % 96;
                let kind = &cast[id(round) + round % 2];
                let mut changed = json!({"resourceType": kind["resourceType"], "id": kind["id"]});
                changed["language"] = json!(format!("x-{round}"));
                let mut new = kind.clone();
                new["id"] = json!(format!("new{round}"));
                let gone = Write { body: Body::Delete, ..put(&cast[id(round * 7)]) };
                let writes = vec![put(&changed), put(&new), gone];
                store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
            }
        }
        assert_eq!(found, expected, "{url}");
    }
}

#[tokio::test]
async fn page_tokens_that_are_not_ours_are_refused() {
    let store = store_of(&cast()).await;
    let next = page(&store, "Patient?gender=male&_count=2").await.next.unwrap();
    for (url, token) in [
        ("Patient?gender=male", "00"),
        ("Patient?gender=male", "not a token"),
        ("Patient?gender=male", &next.replace('0', "1")),
        ("Patient?gender=female", &next),
        ("Observation?", &next),
        ("Patient?gender=male&_sort=_id", &next),
    ] {
        let mut search = parse(url);
        search.page = Some(token.to_owned());
        let error = store.search(&search).await.unwrap_err();
        assert_eq!(error.kind, Kind::Value, "{url} {token}");
        assert_eq!(error.place.as_deref(), Some(PAGE));
    }
    let other = store_of(&cast()).await;
    let mut search = parse("Patient?gender=male");
    search.page = Some(next);
    assert!(other.search(&search).await.is_err(), "another store's token");
}

#[tokio::test]
async fn includes_bring_along_what_the_page_refers_to() {
    let store = store_of(&cast()).await;
    let found = page(&store, "Patient?_id=p0,p1,p2&_include=Patient:organization").await;
    assert_eq!(ids(&found.matches), ["p0", "p1", "p2"]);
    assert_eq!(ids(&found.included), ["h0", "h1"], "h2 is not here");
    let found = page(&store, "Observation?_id=o3,o4&_include=Observation:subject:Patient").await;
    assert_eq!(ids(&found.included), ["p4"], "o3 is about a group");
    let found = page(&store, "Observation?_id=o4&_include=Observation:patient").await;
    assert_eq!(ids(&found.included), ["p4"]);
    let found = page(&store, "Patient?_id=p4&_revinclude=Observation:patient").await;
    assert_eq!(ids(&found.included), ["o4", "o18", "o25", "o32", "o46"]);
    let found = page(&store, "Observation?subject=p4&_include=Observation:subject&_count=2").await;
    assert_eq!((found.matches.len(), ids(&found.included)), (2, vec!["p4".to_owned()]));
}

#[tokio::test]
async fn a_conditional_create_finds_the_one_that_is_there() {
    let store = store_of(&cast()).await;
    let patient = |id: &str, value: &str| {
        json!({
            "resourceType": "Patient", "id": id,
            "identifier": [{"system": "urn:new", "value": value}],
        })
    };
    let create = |id: &str, value: &str, condition: &str| Write {
        when: When::NoneMatch(condition.to_owned()),
        ..put(&patient(id, value))
    };
    let commit = |writes| Commit { writes, ..Commit::default() };
    let first = create("n1", "1", "identifier=urn:new%7C1");
    let done = store.commit(commit(vec![first])).await.unwrap();
    assert_eq!(done.written[0].did, Did::Created);
    // In one commit the second finds what the first wrote; so do two that wait together.
    let both = vec![
        create("n2", "2", "identifier=urn:new|2"),
        create("n3", "2", "identifier=urn:new|2"),
        create("n4", "1", "identifier=urn:new|1"),
    ];
    let done = store.commit(commit(both)).await.unwrap();
    let did: Vec<_> = done.written.iter().map(|w| (w.did, &w.id[..])).collect();
    assert_eq!(did, [(Did::Created, "n2"), (Did::Kept, "n2"), (Did::Kept, "n1")]);
    let together = (0..8).map(|n| {
        let store = store.clone();
        let write = create(&format!("t{n}"), "9", "identifier=urn:new|9");
        tokio::spawn(async move { store.commit(commit(vec![write])).await.unwrap() })
    });
    let mut created = 0;
    for task in together.collect::<Vec<_>>() {
        created += usize::from(task.await.unwrap().written[0].did == Did::Created);
    }
    assert_eq!(created, 1);

    let several = create("n5", "5", "identifier=shared");
    let error = store.commit(commit(vec![put(&patient("n6", "6")), several])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Precondition);
    assert!(store.read("Patient", "n6").await.unwrap().is_none());
    for bad in ["", "_count=1", "nonsense=1", "identifier=%zz"] {
        assert!(store.commit(commit(vec![create("n7", "7", bad)])).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn superseded_versions_leave_the_index_and_old_pages_are_gone() {
    let clock = Clock::at(1_700_000_000_000);
    let store = Store::open_with("sqlite::memory:", Params::r4(), clock.clone()).unwrap();
    let commit = |writes| Commit { writes, ..Commit::default() };
    let cast = cast();
    store.commit(commit(cast.iter().map(put).collect())).await.unwrap();
    let url = "Patient?identifier=shared&_count=5";
    let token = page(&store, url).await.next;
    for round in 0..30 {
        let mut changed = cast[round % 10 * 2].clone();
        changed["language"] = json!(format!("x-{round}"));
        changed["active"] = json!(true);
        store.commit(commit(vec![put(&changed)])).await.unwrap();
    }
    let old = |token: &Option<String>| {
        let mut search = parse(url);
        search.page.clone_from(token);
        search
    };
    assert_eq!(store.search(&old(&token)).await.unwrap().matches.len(), 5);
    clock.set(clock.now() + 16 * 60_000);
    let last =
        store.commit(commit(vec![put(&json!({"resourceType": "Patient", "id": "z"}))])).await;
    let error = store.search(&old(&token)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Gone, "{error}");
    assert_eq!(walk(&store, url).await.0.len(), 48);
    assert_eq!(page(&store, "Patient?active=true&_summary=count").await.total, Some(10));
    let counts = store.counts().await.unwrap();
    let patients = counts.resources.iter().find(|(kind, _)| kind == "Patient").unwrap();
    assert_eq!(patients.1, 49);
    assert_eq!(store.history("Patient", "p0").await.unwrap().len(), 4);
    assert_eq!(last.unwrap().written[0].updated, clock.now());
}

/// The parameters that are left when these are not known.
fn params_without(left_out: &[&str], change: &[&str]) -> &'static Params {
    let r4 = Definitions::r4();
    let mut params = r4.params.clone();
    params.retain(|param| !left_out.contains(&&param.code[..]));
    for param in params.iter_mut().filter(|param| change.contains(&&param.code[..])) {
        param.expression = Some("Patient.name.family".to_owned());
    }
    let definitions = Definitions {
        types: r4.types.clone(),
        codes: r4.codes.clone(),
        params,
        ..Definitions::default()
    };
    Box::leak(Box::new(Params::new(&definitions).0))
}

#[tokio::test]
async fn a_store_learns_new_parameters_and_forgets_old_ones_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let count = async |params: &'static Params, query: &str| {
        let store = Store::open_with(&url, params, Clock::System).unwrap();
        let (kind, pairs) = query::split(query).unwrap();
        let search = Search::parse_with(params, kind, &pairs).unwrap();
        let found = store.search(&search).await.unwrap().matches.len();
        store.close().await.unwrap();
        found
    };
    let old = params_without(&["gender", "identifier", "birthdate"], &["given"]);
    let store = Store::open_with(&url, old, Clock::System).unwrap();
    let writes = cast().iter().map(put).collect();
    store.commit(Commit { writes, ..Commit::default() }).await.unwrap();
    drop(store);
    assert_eq!(count(old, "Patient?given=家1").await, 10);
    assert_eq!(count(old, "Patient?_tag=t1").await, 12);
    let (kind, pairs) = query::split("Patient?gender=male").unwrap();
    assert!(Search::parse_with(old, kind, &pairs).is_err());

    let new = Params::r4();
    for _ in 0..2 {
        assert_eq!(count(new, "Patient?gender=male").await, 16);
        assert_eq!(count(new, "Patient?identifier=shared").await, 48);
        assert_eq!(count(new, "Patient?birthdate:missing=true").await, 12);
        assert_eq!(count(new, "Patient?given=家1").await, 0);
        assert_eq!(count(new, "Patient?given:missing=true").await, 48);
        assert_eq!(count(new, "Patient?_tag=t1").await, 12);
    }
    assert_eq!(count(old, "Patient?given=家1").await, 10);
}

#[tokio::test]
async fn the_largest_searches_that_are_allowed_can_be_carried_out() {
    let store = store_of(&cast()).await;
    let many = |count: usize, value: &dyn Fn(usize) -> String| {
        (0..count).map(value).collect::<Vec<_>>().join(",")
    };
    let clauses = |clause: &str| vec![clause; 40].join("&");
    for (kind, name, count, value) in [
        ("Patient", "_id", 500, "pN"),
        ("Patient", "identifier", 500, "N"),
        ("Patient", "identifier", 500, "urn:oid:N|N"),
        ("Patient", "identifier", 50, "urn:oid:N|"),
        ("Patient", "gender", 500, "gN"),
        ("Patient", "_tag", 50, "urn:t|"),
        ("Patient", "name", 50, "nN"),
        ("Patient", "birthdate", 50, "ge19NN-01"),
        ("Patient", "_profile:below", 50, "http://xN"),
        ("Observation", "value-quantity", 50, "N||mg"),
        ("Observation", "subject", 100, "pN"),
        ("Observation", "date", 50, "ap20NN"),
        ("Observation", "_lastUpdated", 50, "ne20NN"),
    ] {
        let values = many(count, &|n| {
            value.replace("NN", &format!("{:02}", n % 60 + 20)).replace('N', &n.to_string())
        });
        for negate in ["", ":not"] {
            let modified = format!("{name}{negate}={values}");
            let url = format!("{kind}?{}&_sort=_id&_include={kind}:subject", clauses(&modified));
            let (kind, pairs) = query::split(&url).unwrap();
            let pairs: Vec<_> =
                pairs.into_iter().filter(|(n, _)| kind != "Patient" || n != "_include").collect();
            match Search::parse(kind, &pairs) {
                Ok(search) => {
                    drop(store.search(&search).await.unwrap_or_else(|e| panic!("{name}: {e}")))
                }
                Err(error) => assert!(!negate.is_empty(), "{name}: {error}"),
            }
        }
    }
}
