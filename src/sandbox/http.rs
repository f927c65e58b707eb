//! The stand-ins as servers, with the paths of teleservice.md and siecle.md to the letter. One connection carries one
//! request, so that a far side that goes down leaves no connection half alive.

mod desk;
mod door;
mod exchange;
mod office;

use crate::clock::Clock;
use crate::domain::time::Zone;
use crate::sandbox::{
    Shared, hold,
    http::{door::Door, exchange::Answer},
    siecle::Siecle,
    teleservice::Teleservice,
};
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    middleware::map_response_with_state,
    response::Response,
};
use std::{io, net::SocketAddr, sync::Arc};
use tokio::{sync::oneshot, task::JoinHandle};

/// A stand-in that is being served, until it is stopped or the runtime ends.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

impl Served {
    /// `{base}` of the pages that describe the paths.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking requests, finishes those in hand, and returns.
    ///
    /// # Errors
    /// When the server had failed.
    pub async fn stop(self) -> io::Result<()> {
        // A server that is gone already needs no telling.
        let _ = self.stop.send(());
        self.served.await.map_err(io::Error::other)?
    }

    /// Serves until the server ends by itself, which it does not unless it fails.
    ///
    /// # Errors
    /// When the server failed.
    pub async fn wait(self) -> io::Result<()> {
        let _kept = self.stop;
        self.served.await.map_err(io::Error::other)?
    }
}

/// Serves a téléservice at `address` (port 0 takes a free one), with `clock` as its `Date`. While it is down as a whole
/// its port refuses connections.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve_teleservice(
    stand_in: &Shared<Teleservice>,
    clock: &Clock,
    address: SocketAddr,
) -> io::Result<Served> {
    let door = Door::open(address)?;
    let own = door.clone();
    hold(stand_in).faults.on_up(Arc::new(move |up| own.set(up)));
    serve(door, desk::router(stand_in, clock), clock)
}

/// Serves a Siècle, likewise.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve_siecle(stand_in: &Shared<Siecle>, clock: &Clock, address: SocketAddr) -> io::Result<Served> {
    let door = Door::open(address)?;
    let own = door.clone();
    hold(stand_in).faults.on_up(Arc::new(move |up| own.set(up)));
    serve(door, office::router(stand_in, clock), clock)
}

/// Serves both at one address: their paths are distinct. One that is down breaks connections, for the other needs the port.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve_both(
    teleservice: &Shared<Teleservice>,
    siecle: &Shared<Siecle>,
    clock: &Clock,
    address: SocketAddr,
) -> io::Result<Served> {
    serve_with(teleservice, siecle, clock, address, Router::new()).await
}

/// The same with pages for people at that address.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve_with(
    teleservice: &Shared<Teleservice>,
    siecle: &Shared<Siecle>,
    clock: &Clock,
    address: SocketAddr,
    pages: Router,
) -> io::Result<Served> {
    let router = desk::router(teleservice, clock).merge(office::router(siecle, clock)).merge(pages);
    serve(Door::open(address)?, router, clock)
}

/// Serves pages alone.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn serve_pages(clock: &Clock, address: SocketAddr, pages: Router) -> io::Result<Served> {
    serve(Door::open(address)?, pages, clock)
}

fn serve(door: Door, router: Router, clock: &Clock) -> io::Result<Served> {
    let address = door.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let nowhere = || async { Answer::problem(&desk::unknown()) };
    let router = router.fallback(nowhere).method_not_allowed_fallback(nowhere);
    let router = router.layer(map_response_with_state(clock.clone(), dated));
    let service = router.into_make_service_with_connect_info::<door::Cut>();
    let until = async move { _ = stopped.await };
    let served = tokio::spawn(async move { axum::serve(door, service).with_graceful_shutdown(until).await });
    Ok(Served { address, stop, served })
}

/// Every answer carries the far side's own `Date`, and ends its connection.
async fn dated(State(clock): State<Clock>, mut response: Response) -> Response {
    let date = clock.now().civil_in(Zone::UTC).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = HeaderValue::from_str(&date) {
        response.headers_mut().insert(header::DATE, date);
    }
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
