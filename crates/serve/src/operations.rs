//! Metrics and health, for the machine's own monitoring: `/metrics`, `/healthz`, `/readyz` on loopback.

use std::sync::Arc;

use wire::http::{Method, Request, Response};

use crate::door::Http;
use crate::fault::Role;
use crate::metrics::Metrics;

/// Whether the server can do its work: `Err` says what keeps it from that.
pub(crate) type Readiness = dyn Fn() -> Result<(), String> + Send + Sync;

/// What the operations listener answers.
pub(crate) struct Operations {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) ready: Box<Readiness>,
}

impl Http for Operations {
    fn answer(&self, request: Request, _: Role) -> Response {
        if !matches!(request.method, Method::Get | Method::Head) {
            return Response::text(405, "only GET is known here\n")
                .with_header("Allow", "GET, HEAD");
        }
        match request.path.as_str() {
            "/metrics" => Response::bytes(
                200,
                "text/plain; version=0.0.4; charset=utf-8",
                self.metrics.text(),
            ),
            "/healthz" => Response::text(200, "ok\n"),
            "/readyz" => match (self.ready)() {
                Ok(()) => Response::text(200, "ready\n"),
                Err(reason) => Response::text(503, &format!("not ready: {reason}\n")),
            },
            _ => Response::text(404, "known here are /metrics, /healthz and /readyz\n"),
        }
    }
}
