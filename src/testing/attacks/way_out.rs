//! The way out of the arena's sandboxes: the product's egress, with names of its own and perhaps
//! without a guard.

use std::net::{IpAddr, Ipv4Addr};

use super::{Context, Layer, tunnels};
use crate::egress::{
    Egress, EgressError, EgressLimits, EgressSettings, Guard, HostRules, ModelKey, OpeningKeys,
    Prices, Receivers, Stage,
};

/// A name on both lists; a test says what stands behind it.
pub const SERVER: &str = "server.example";

/// What passes for a public address here; the same port answers on it.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A port of it that nobody listens on.
pub(super) const CLOSED_PORT: u16 = 1;

/// What both agents may reach, and what this host allows.
const OF_AGENTS: [&str; 6] = [
    SERVER,
    tunnels::LISTED,
    tunnels::OF_THE_AGENT,
    tunnels::LOOPBACK,
    tunnels::PRIVATE,
    tunnels::FLIPPING,
];
const OF_HOST: [&str; 6] = [
    SERVER,
    tunnels::LISTED,
    tunnels::OF_THE_HOST,
    tunnels::LOOPBACK,
    tunnels::PRIVATE,
    tunnels::FLIPPING,
];

/// What both agents may reach.
pub(super) fn of_agents() -> HostRules {
    HostRules::parse(&OF_AGENTS).expect("these are names")
}

/// [`SERVER`] leads to that port of [`PUBLIC`].
pub(super) fn egress(
    context: &Context,
    without: &[Layer],
    server_port: u16,
) -> Result<Egress, EgressError> {
    let port = context.port;
    let at = |address: IpAddr| vec![(address, port).into()];
    let public = || at(PUBLIC.into());
    let loopback = || at(Ipv4Addr::LOCALHOST.into());
    let names = [
        (tunnels::LISTED, vec![public()]),
        (SERVER, vec![vec![(PUBLIC, server_port).into()]]),
        (tunnels::UNLISTED, vec![public()]),
        (tunnels::OF_THE_AGENT, vec![public()]),
        (tunnels::OF_THE_HOST, vec![public()]),
        (tunnels::LOOPBACK, vec![loopback()]),
        (tunnels::PRIVATE, vec![at(context.address.unwrap_or(Ipv4Addr::LOCALHOST.into()))]),
        (tunnels::FLIPPING, vec![vec![(PUBLIC, CLOSED_PORT).into()], loopback()]),
    ];
    let guards = [
        (Layer::HostList, Guard::HostList),
        (Layer::Addresses, Guard::Addresses),
        (Layer::OneLookup, Guard::OneLookup),
        (Layer::ServerName, Guard::ServerName),
        (Layer::Placeholder, Guard::Placeholder),
    ];
    let guards = guards.into_iter().filter(|(layer, _)| without.contains(layer));
    let stage = Stage {
        names: names.map(|(name, found)| (name.to_owned(), found)).into(),
        public: vec![PUBLIC.into()],
        without: guards.map(|(_, guard)| guard).collect(),
        ..Stage::default()
    };
    let settings = EgressSettings {
        upstream: format!("http://127.0.0.1:{port}").parse().expect("this is an address"),
        key: ModelKey::api_key("sk-ant-of-the-arena").ok(),
        opening: OpeningKeys::parse(&OpeningKeys::random_text()).expect("this is a key"),
        upstreams: Vec::new(),
        hosts: HostRules::parse(&OF_HOST).expect("these are names"),
        receivers: Receivers::default(),
        prices: Prices::default(),
        limits: EgressLimits::default(),
    };
    Egress::staged(settings, stage)
}
