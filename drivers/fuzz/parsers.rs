//! What must hold for any bytes whatever: no panic, bounded memory, and what was understood can be said
//! again and understood alike.

use bytes::BytesMut;
use thermine_drivers::bm13xx::{ChipCodec, Family, HostCodec};
use thermine_drivers::cgminer::Reply;
use thermine_drivers::cgminer::reply::telemetry;
use thermine_drivers::clock::Nanos;
use thermine_drivers::stratum::notice::Notice;
use thermine_drivers::stratum::request::Request;
use tokio_util::codec::{Decoder, Encoder};

/// A line of Stratum, from either side.
pub(crate) fn stratum_line(data: &[u8]) {
    let line = String::from_utf8_lossy(data);
    if let Ok(request) = Request::parse(&line) {
        let again = Request::parse(request.to_line("x").trim_end());
        assert_eq!(again.ok(), Some(request));
    }
    if let Ok(notice) = Notice::parse(&line) {
        let again = Notice::parse(notice.to_line().trim_end());
        assert!(again.is_ok(), "{notice:?}");
    }
}

/// A reply of a cgminer API.
pub(crate) fn cgminer_reply(data: &[u8]) {
    let Ok(reply) = Reply::parse(data) else {
        return;
    };
    let _ = (
        reply.status(),
        reply.farewell(),
        reply.identity(),
        reply.pools(),
    );
    let parts = [
        Some(reply.clone()),
        reply.part("stats"),
        reply.part("summary"),
    ];
    for part in parts.into_iter().flatten() {
        let reading = telemetry(Nanos::ZERO, &part.summary(), &part.stats(), &part.devices());
        for board in &reading.boards {
            for temperature in [board.pcb_temp, board.chip_temp].into_iter().flatten() {
                assert!(temperature.0.is_finite());
            }
        }
    }
}

/// Bytes on the serial line, at either end and of either generation, in pieces.
pub(crate) fn bm13xx_frames(data: &[u8]) {
    for family in [Family::Bm1387, Family::Bm1366] {
        for rolling in [false, true] {
            let mut host = HostCodec::new(family);
            let mut chip = ChipCodec::new(family);
            host.set_rolling(rolling);
            chip.set_rolling(rolling);
            let (mut to_host, mut to_chip) = (BytesMut::new(), BytesMut::new());
            for piece in data.chunks(7) {
                to_host.extend_from_slice(piece);
                to_chip.extend_from_slice(piece);
                while let Ok(Some(reply)) = host.decode(&mut to_host) {
                    let mut bytes = BytesMut::new();
                    chip.clone().encode(&reply, &mut bytes).expect("encoded");
                    assert_eq!(
                        host.clone().decode(&mut bytes).expect("decoded"),
                        Some(reply)
                    );
                }
                while let Ok(Some(request)) = chip.decode(&mut to_chip) {
                    let mut bytes = BytesMut::new();
                    host.clone().encode(&request, &mut bytes).expect("encoded");
                    assert_eq!(
                        chip.clone().decode(&mut bytes).expect("decoded"),
                        Some(request)
                    );
                }
                // Nothing longer than a frame ever waits for more.
                assert!(to_host.len() < 11 && to_chip.len() < 150);
            }
        }
    }
}
