//! The page's listener: none of its connections while the unit is off.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::state::State;
use crate::connections::{Connection, Connections};

/// A listener that drops the connections which come while its unit is off.
pub(super) struct Gate {
    connections: Connections,
    state: Arc<watch::Sender<State>>,
}

impl Gate {
    pub(super) fn new(listener: TcpListener, state: Arc<watch::Sender<State>>) -> Gate {
        Gate {
            connections: Connections::of(listener),
            state,
        }
    }
}

impl Listener for Gate {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (connection, peer) = self.connections.accept().await;
            if self.state.borrow().readings.on {
                return (connection, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.connections.local_addr()
    }
}
