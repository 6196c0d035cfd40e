//! What a mining unit is, below every wire.

pub mod backoff;
pub mod clock;
pub mod listen;
pub mod model;
pub mod nonce;
pub mod params;
pub mod pow;
pub mod printable;
pub mod provenance;
pub mod quantity;
pub mod record;
pub mod secret;
pub mod seed;
pub mod stamped;
pub mod temperature;
pub mod unit;
