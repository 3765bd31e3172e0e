//! Attachments in real sandboxes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::world::World;

#[test]
fn the_agent_finds_what_was_attached_and_leads_no_attachment_out() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let attach = |name: &str, content: &[u8]| {
        let body = json!({ "filename": name, "content": STANDARD.encode(content) });
        world.post(&format!("/api/sessions/{session}/attachments"), &body)
    };
    let large: Vec<u8> = (0..=250).cycle().take(11 << 20).collect();
    assert_eq!(attach("large.bin", &large).status, 201);
    let told =
        world.bash(&session, "wc -c < attachments/large.bin; id -u; stat -c %u attachments/*");
    assert_eq!(told, format!("{}\n1000\n1000", 11 << 20), "it is the agent's own");

    // In the place of the folder, a link that leads out.
    world.bash(&session, "rm -r attachments; ln -s /tmp attachments; ls -l attachments");
    let refused = attach("x.txt", b"x");
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(!world.bash(&session, "ls /tmp").contains("x.txt"));
    let list = world.get(&format!("/api/sessions/{session}/attachments")).body;
    assert_eq!(list["attachments"].as_array().unwrap().len(), 1, "the one that was whole");
    world.end();
}
