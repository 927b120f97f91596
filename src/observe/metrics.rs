//! Metrics: one table, atomics, and the Prometheus text format
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! A new metric is a variant of [`Metric`] and a row of [`METRICS`]. Label values must come from a
//! bounded set (channels, codes, interactions), never from a message.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{LazyLock, PoisonError, RwLock};

/// The metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Labels: channel.
    MessagesReceived,
    /// Labels: channel, code (`AA`, `AE`, `AR`, HTTP status, `done`, `failed`).
    MessagesAcknowledged,
    /// Labels: origin (`in`, `fhir`, `flow`, `out`).
    ResourcesWritten,
    /// Labels: target, outcome (`done`, `retry`, `parked`).
    Deliveries,
    /// Labels: state.
    Outbox,
    /// Labels: interaction, status (`2xx`, `4xx`, …).
    HttpRequests,
    /// No labels.
    HttpConnections,
    /// Labels: channel, kind (`garbage bytes`, `truncated`, `too long`, `too many connections`).
    MllpTroubles,
    /// Labels: mapping, outcome (`done`, `refused`).
    MappingReloads,
    /// Labels: mapping, slot (bounded per mapping; the rest is `other`).
    UnmappedSlots,
    /// Labels: mapping.
    CoverageRecords,
}

/// A row of the table of metrics.
pub struct Row {
    /// Which metric.
    pub metric: Metric,
    /// Its name in Prometheus.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

const fn row(
    metric: Metric,
    name: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Row {
    Row { metric, name, kind, labels, help }
}

/// The metrics, in the order of their variants.
#[rustfmt::skip]
pub const METRICS: &[Row] = &[
    row(Metric::MessagesReceived, "tombolo_messages_received_total", "counter",
        &["channel"], "Messages received."),
    row(Metric::MessagesAcknowledged, "tombolo_messages_acknowledged_total", "counter",
        &["channel", "code"], "Messages answered."),
    row(Metric::ResourcesWritten, "tombolo_resources_written_total", "counter",
        &["origin"], "Resource versions written."),
    row(Metric::Deliveries, "tombolo_deliveries_total", "counter",
        &["target", "outcome"], "Attempts to deliver."),
    row(Metric::Outbox, "tombolo_outbox", "gauge",
        &["state"], "Deliveries in the outbox."),
    row(Metric::HttpRequests, "tombolo_http_requests_total", "counter",
        &["interaction", "status"], "HTTP requests answered."),
    row(Metric::HttpConnections, "tombolo_http_connections", "gauge",
        &[], "Open HTTP connections."),
    row(Metric::MllpTroubles, "tombolo_mllp_troubles_total", "counter",
        &["channel", "kind"], "Bytes outside of frames, broken and refused messages and connections."),
    row(Metric::MappingReloads, "tombolo_mapping_reloads_total", "counter",
        &["mapping", "outcome"], "Changed mappings taken in, or refused while the old one runs on."),
    row(Metric::UnmappedSlots, "tombolo_unmapped_slots_total", "counter",
        &["mapping", "slot"], "Records looked at in which a slot carried data that no rule maps or ignores."),
    row(Metric::CoverageRecords, "tombolo_coverage_records_total", "counter",
        &["mapping"], "Records whose slots were looked at: the first ones, then one in 128."),
];

/// The values of one metric by the values of its labels.
type Family = RwLock<BTreeMap<Vec<String>, AtomicI64>>;

static FAMILIES: LazyLock<Vec<Family>> =
    LazyLock::new(|| METRICS.iter().map(|_| Family::default()).collect());

/// Adds to a metric; the label values stand in the order of the table.
pub fn count(metric: Metric, labels: &[&str], n: i64) {
    with(metric, labels, |value| value.fetch_add(n, Ordering::Relaxed));
}

/// Sets a gauge.
pub fn gauge(metric: Metric, labels: &[&str], value: i64) {
    with(metric, labels, |it| it.swap(value, Ordering::Relaxed));
}

fn with(metric: Metric, labels: &[&str], act: impl Fn(&AtomicI64) -> i64) {
    let family = &FAMILIES[metric as usize];
    let known = family.read().unwrap_or_else(PoisonError::into_inner);
    let key: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    if let Some(value) = known.get(&key) {
        act(value);
        return;
    }
    drop(known);
    act(family.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
}

/// All metrics as Prometheus text.
pub fn render() -> String {
    let mut out = String::new();
    for (row, family) in METRICS.iter().zip(FAMILIES.iter()) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "# HELP {} {}\n# TYPE {0} {}", row.name, row.help, row.kind);
        for (labels, value) in family.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let pairs: Vec<String> = std::iter::zip(row.labels, labels)
                .map(|(name, label)| format!("{name}=\"{}\"", escape(label)))
                .collect();
            let pairs =
                if pairs.is_empty() { pairs.concat() } else { format!("{{{}}}", pairs.join(",")) };
            let _ = writeln!(out, "{}{pairs} {}", row.name, value.load(Ordering::Relaxed));
        }
    }
    out
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_variants() {
        for (n, row) in METRICS.iter().enumerate() {
            assert_eq!(row.metric as usize, n, "{}", row.name);
        }
    }

    #[test]
    fn counts_are_rendered_with_escaped_labels() {
        count(Metric::MessagesReceived, &["a \"b\"\\"], 2);
        count(Metric::MessagesReceived, &["a \"b\"\\"], 1);
        gauge(Metric::Outbox, &["parked"], 7);
        let text = render();
        assert!(text.contains("# TYPE tombolo_messages_received_total counter\n"), "{text}");
        let line = "tombolo_messages_received_total{channel=\"a \\\"b\\\"\\\\\"} 3\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("tombolo_outbox{state=\"parked\"} 7\n"), "{text}");
    }
}
