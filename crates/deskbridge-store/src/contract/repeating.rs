//! Effects that ended and run once more.

use super::*;

#[tokio::test]
async fn whatever_has_ended_can_be_repeated_in_its_old_place_and_nothing_else() {
    on_every_backend(async |bench| {
        for number in 1..=4 {
            bench.record(number, "a", 0).await;
        }
        let one = bench.claim(0).await.remove(0);
        let repeat = async |number| bench.store.repeat_effect(id(number), at(1)).await.unwrap();
        assert!(!repeat(1).await, "it is running");
        assert!(!repeat(2).await, "it waits");
        assert!(!repeat(9).await, "there is none");
        bench.complete(&one, 0).await;
        let two = bench.claim(0).await.remove(0);
        bench.bury(&two, 0).await;
        assert!(bench.store.discard_effect(id(3), at(0)).await.unwrap());
        for number in [3, 2, 1] {
            assert!(repeat(number).await, "{number}");
        }
        for number in 1..=4 {
            let claimed = bench.claim(2).await.remove(0);
            assert_eq!(number_of(&claimed), number);
            assert_eq!(claimed.effect.look_first, number < 4, "{number}");
            bench.complete(&claimed, 2).await;
        }
    })
    .await;
}
