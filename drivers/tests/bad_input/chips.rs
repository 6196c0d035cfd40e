//! The serial line, at the host's end: what chips or noise may send, and the sound frames after it.

use bytes::BytesMut;
use thermine_drivers::bm13xx::{ChipCodec, Family, HostCodec, Nonce, Reply};
use tokio::io::AsyncWriteExt;
use tokio_stream::StreamExt;
use tokio_util::codec::{Encoder, FramedRead};

use crate::catalogue::{Kind, catalogue};
use crate::memory;

fn nonce(family: Family, number: u32) -> Reply {
    Reply::Nonce(Nonce {
        nonce: number,
        hint: 0,
        id: 8,
        version_bits: if family == Family::Bm1366 { 0x2000 } else { 0 },
    })
}

fn encoded(family: Family, reply: &Reply) -> Vec<u8> {
    let mut chip = ChipCodec::new(family);
    chip.set_rolling(family == Family::Bm1366);
    let mut bytes = BytesMut::new();
    chip.encode(reply, &mut bytes).expect("encoded");
    bytes.to_vec()
}

/// Sends `pieces` over a pipe and reads to the end: the replies, and the bytes that belonged to none.
async fn heard(family: Family, pieces: Vec<Vec<u8>>) -> (Vec<Reply>, u64) {
    let (mut near, far) = tokio::io::duplex(4096);
    let mut codec = HostCodec::new(family);
    codec.set_rolling(family == Family::Bm1366);
    let mut frames = FramedRead::new(far, codec);
    let sender = tokio::spawn(async move {
        for piece in pieces {
            near.write_all(&piece).await.expect("sent");
        }
    });
    let mut replies = Vec::new();
    while let Some(frame) = frames.next().await {
        // What is cut off by the end of the line is no frame and no harm.
        match frame {
            Ok(reply) => replies.push(reply),
            Err(_) => break,
        }
        assert!(frames.read_buffer().len() < 16 * 1024);
    }
    sender.await.expect("no panic");
    (replies, frames.decoder().skipped())
}

#[tokio::test]
async fn whatever_comes_the_sound_frames_after_it_are_heard() {
    for family in [Family::Bm1387, Family::Bm1366] {
        let sent: Vec<Reply> = (0..6).map(|n| nonce(family, 0x0102_0304 + n)).collect();
        let messages: Vec<Vec<u8>> = sent.iter().map(|reply| encoded(family, reply)).collect();
        let last = nonce(family, 0x5566_7788);
        let length = messages[0].len();
        for abuse in catalogue(&messages, 64 * 1024) {
            let what = format!("{family:?}, {:?}", abuse.kind);
            // As long as any frame that the abuse may have begun, and no frame itself, as ones would be.
            let filler = vec![0x00; 2 * length];
            let end = [vec![filler], vec![encoded(family, &last)]].concat();
            let bytes: usize = abuse.pieces.iter().map(Vec::len).sum();
            let (replies, skipped) = heard(family, [abuse.pieces, end].concat()).await;
            assert_eq!(replies.last(), Some(&last), "{what}");
            let all = bytes + 3 * length;
            assert_eq!(
                replies.len() * length + skipped as usize,
                all,
                "{what}: each byte counts once"
            );
            match abuse.kind {
                Kind::Slow => assert_eq!(replies[..6], sent, "{what}"),
                Kind::Duplicated => assert_eq!(replies.len(), 13, "{what}"),
                Kind::Reordered => assert!(replies[..6].iter().eq(sent.iter().rev()), "{what}"),
                _ => {}
            }
        }
    }
    memory::check();
}
