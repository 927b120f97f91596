//! The standard segments and how many fields they have at most, over all versions up to 2.9.

use super::structure::Name;

/// Number of fields per segment.
const SEGMENTS: &str = "\
ABS 14 ACC 13 ADD 1 ADJ 15 AFF 5 AIG 14 AIL 12 AIP 12 AIS 12 AL1 6 APR 5 ARQ 25 ARV 10 AUT 30 \
BHS 14 BLC 2 BLG 4 BPO 14 BPX 21 BTS 3 BTX 19 CDM 13 CDO 4 CER 31 CM0 11 CM1 3 CM2 4 CNS 6 \
CON 25 CSP 4 CSR 16 CSS 3 CTD 8 CTI 3 CTR 20 DB1 8 DEV 21 DG1 26 DMI 5 DON 34 DPS 5 DRG 33 DSC 2 \
DSP 5 DST 2 ECD 5 ECR 3 EDU 9 EQL 4 EQP 5 EQU 5 ERQ 3 ERR 12 EVN 7 FAC 12 FHS 14 FT1 55 FTS 3 \
GOL 22 GP1 5 GP2 14 GT1 57 IAM 30 IAR 4 IIM 15 ILT 10 IN1 55 IN2 72 IN3 28 INV 20 IPC 9 IPR 8 \
ISD 3 ITM 30 IVC 30 IVT 26 LAN 4 LCC 4 LCH 5 LDP 12 LOC 9 LRL 6 MCP 7 MFA 6 MFE 7 MFI 6 MRG 7 \
MSA 8 MSH 28 NCK 1 NDS 4 NK1 41 NPU 2 NSC 9 NST 15 NTE 9 OBR 55 OBX 33 ODS 4 ODT 3 OH1 6 OH2 16 \
OH3 7 OH4 5 OM1 59 OM2 11 OM3 8 OM4 18 OM5 4 OM6 3 OM7 24 OMC 14 ORC 38 ORG 13 ORO 4 OVR 5 PAC 8 \
PCE 4 PCR 23 PD1 23 PDA 9 PDC 15 PEO 25 PES 13 PID 40 PKG 7 PM1 14 PMT 12 PR1 25 PRA 12 PRB 28 \
PRC 18 PRD 14 PRT 22 PSG 6 PSH 14 PSL 48 PSS 5 PTH 7 PV1 54 PV2 50 PYE 7 QAK 6 QCK 1 QID 2 \
QPD 255 QRD 12 QRF 10 QRI 3 RCP 7 RDF 2 RDT 255 REL 16 RF1 24 RFI 4 RGS 3 RMI 3 ROL 17 RQ1 7 \
RQD 10 RX1 30 RXA 29 RXC 11 RXD 35 RXE 45 RXG 33 RXO 37 RXR 6 RXV 22 SAC 51 SCD 37 SCH 28 SCP 8 \
SDD 7 SFT 6 SGH 2 SGT 2 SHP 11 SID 4 SLT 5 SPM 35 SPR 4 STF 43 STZ 4 TCC 14 TCD 10 TQ1 14 TQ2 10 \
TXA 28 UAC 2 UB1 23 UB2 17 URD 7 URS 9 VAR 6 VND 5 VTQ 5";

/// The highest field number of a standard segment.
pub(super) fn fields_of(name: Name) -> Option<u16> {
    pairs().find(|(n, _)| *n == name.as_str()).and_then(|(_, count)| count.parse().ok())
}

/// The names of all standard segments.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    pairs().map(|(name, _)| name)
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let words = SEGMENTS.split_ascii_whitespace();
    words.clone().step_by(2).zip(words.skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_names_and_numbers() {
        assert!(names().all(|name| Name::read(name.as_bytes()).is_some()));
        assert!(pairs().all(|(_, count)| count.parse::<u16>().is_ok()));
        assert_eq!(fields_of(Name::read(b"PID").unwrap()), Some(40));
        assert_eq!(fields_of(Name::read(b"ZPI").unwrap()), None);
    }
}
