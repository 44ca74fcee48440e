//! Several nodes on one PostgreSQL, of which one follows the PBX.

use std::process::Command;

use super::*;

/// Which of the nodes follows.
async fn following(nodes: &[Hub]) -> usize {
    wait_for("a node to follow", async || {
        for (place, node) in nodes.iter().enumerate() {
            let (_, text) = node.get("/metrics", "").await;
            if text.contains("deskbridge_asterisk_connected{connection=\"office\"} 1") {
                return Some(place);
            }
        }
        None
    })
    .await
}

fn signal(node: &Hub, signal: &str) {
    let id = node.process.id().to_string();
    let sent = Command::new("kill").args([signal, &id]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_or_freezes_in_a_call_is_replaced_and_writes_nothing_over_it() {
    let schema = Schema::new();
    let stage = Stage::new(Some(&schema)).await;
    let bench = &stage.desk.bench;
    let mut nodes = vec![bench.serve().await, bench.serve().await];
    // The one that follows dies while 101 rings.
    let call = stage.call(QUEUE, 1);
    let dies = following(&nodes).await;
    stage.play(&call, 0);
    stage.is_registered(&call).await;
    nodes.remove(dies).process.kill();
    // What happens while nobody listens is seen by who comes.
    stage.play(&call, 1);
    assert_eq!(following(&nodes).await, 0);
    stage.play(&call, 2);
    stage.play(&call, 3);
    stage.is_right(&call, &nodes[0]).await;

    // The one that follows now freezes while 102 talks, and wakes up when the call is over.
    let call = stage.call(QUEUE, 2);
    for step in 0..3 {
        stage.play(&call, step);
    }
    stage.is_registered(&call).await;
    let frozen = nodes.remove(0);
    signal(&frozen, "-STOP");
    nodes.push(bench.serve().await);
    assert_eq!(following(&nodes).await, 0);
    stage.play(&call, 3);
    stage.is_right(&call, &nodes[0]).await;
    signal(&frozen, "-CONT");
    wait_for("it to see that another one follows", async || {
        let (_, text) = frozen.get("/metrics", "").await;
        text.contains("deskbridge_asterisk_connected{connection=\"office\"} 0")
            .then_some(())
    })
    .await;
    stage.is_right(&call, &nodes[0]).await;
    assert_eq!(stage.desk.calls().len(), 2);
    assert!(stage.desk.tasks().is_empty());
    drop((frozen, nodes));
    schema.drop().await;
}
