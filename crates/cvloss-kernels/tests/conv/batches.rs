//! Networks of several layers, run on batches and on their items one by one.

use cvloss_kernels::conv::{Convolution, Kernel, Layer, Maps, MaxPool, Network, Tap};

use super::{Planes, noise};

/// Where maps are large, some items are done at a time; each must be as if it were alone.
#[test]
fn items_of_a_batch_do_not_touch_each_other() {
    const GRADED: usize = 2;
    let layer = |seed: usize, inputs: usize, outputs: usize, first: bool| {
        let numbers = |seed, count| noise(seed, count).into_iter().map(|x| x as f32 / 4.0);
        let kernel = Kernel {
            weight: Box::new(numbers(seed, outputs * inputs * 9).collect::<Vec<_>>()),
            bias: numbers(seed + 1, outputs).collect(),
            outputs,
            inputs,
            side: 3,
            stride: 1,
            border: 1,
        };
        Layer::Convolution(Convolution::<f32>::new(kernel, first).unwrap())
    };
    let pool = MaxPool {
        side: 2,
        stride: 2,
        ceil: false,
    };
    let network = Network::new(vec![
        layer(20, 3, 24, true),
        Layer::MaxPool(pool),
        layer(22, 24, 24, false),
        Layer::L2Pool,
        Layer::MaxPool(pool),
        layer(24, 24, 16, false),
    ]);
    let tap = |layer, before_relu| Tap { layer, before_relu };
    let taps = [
        tap(0, true),
        tap(0, false),
        tap(2, false),
        tap(3, false),
        tap(5, true),
    ];
    let run = |images: &Planes, graded: usize| {
        let mut trace = network.forward(images.maps(true), &taps, graded).unwrap();
        let features = std::mem::take(&mut trace.features);
        // Slopes that are not the same in all items.
        let slopes = features.iter().map(|maps| {
            let len = graded * maps.item_len();
            let data = maps.numbers()[..len].iter().map(|x| x * x);
            Maps {
                items: graded,
                data: data.collect(),
                ..*maps
            }
        });
        let gradient = network.backward(trace, slopes.collect()).unwrap();
        (features, gradient)
    };
    // A map of the first layer is more than 4 MiB.
    let all = Planes::noise(26, [4, 3, 216, 220]);
    let (features, gradient) = run(&all, GRADED);
    assert_eq!(gradient.items, GRADED);
    for n in 0..all.size[0] {
        let len = all.data.len() / all.size[0];
        let one = Planes {
            size: [1, 3, 216, 220],
            data: all.data[n * len..][..len].to_vec(),
        };
        let (own, slopes) = run(&one, 1);
        for (all, own) in features.iter().zip(&own) {
            assert_eq!(all.items, 4);
            assert!(all.item(n) == own.numbers(), "features of item {n}");
        }
        if n < GRADED {
            assert!(gradient.item(n) == slopes.numbers(), "slopes of item {n}");
        }
    }
}
