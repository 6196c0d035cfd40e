//! A small fully connected network: ReLU inside, softmax at the end, cross-entropy, Adam (Kingma and Ba, ICLR
//! 2015) in mini-batches. The paper's is 3-16-8-4-2, with 246 parameters.

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::random::{self, Rng, normal};
use crate::state::{Standardiser, StateMatrix};
use std::ops::Range;

/// Hidden layers of the paper's network.
pub(crate) const PUBLISHED: [usize; 3] = [16, 8, 4];

const OUTPUTS: usize = 2;

/// Adam's decay rates and the floor of its divisor.
const ADAM: (f64, f64, f64) = (0.9, 0.999, 1e-8);

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Widths of the hidden layers.
    pub(crate) hidden: Vec<usize>,
    /// Passes over the data.
    pub(crate) epochs: usize,
    /// Rows of a mini-batch, at least 1.
    pub(crate) batch: usize,
    pub(crate) rate: f64,
    /// Seed of the first weights and of the order of rows.
    pub(crate) seed: u64,
}

impl Training {
    /// The paper's network, step and seed, for `epochs` passes.
    pub(crate) fn published(epochs: usize) -> Training {
        Training {
            hidden: PUBLISHED.to_vec(),
            epochs,
            batch: 64,
            rate: 1e-3,
            seed: 42,
        }
    }
}

/// A trained network with the scaling of its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    standardiser: Standardiser,
    layers: Vec<Layer>,
}

/// Weights by input, then by output, so that the inner loop runs over outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Layer {
    outputs: usize,
    /// The last row holds the biases, as weights of an input that is always 1.
    weights: Vec<f64>,
}

impl Layer {
    /// He's initialisation (ICCV 2015): normal, of variance 2/inputs; biases zero.
    fn drawn(inputs: usize, outputs: usize, rng: &mut Rng) -> Layer {
        let scale = (2.0 / inputs.max(1) as f64).sqrt();
        let drawn = (0..inputs * outputs).map(|_| scale * normal(rng));
        let mut weights: Vec<f64> = drawn.collect();
        weights.resize((inputs + 1) * outputs, 0.0);
        Layer { outputs, weights }
    }

    fn forward(&self, input: &[f64], output: &mut [f64]) {
        let (weights, biases) = self.weights.split_at(input.len() * self.outputs);
        output.copy_from_slice(biases);
        for (x, row) in input.iter().zip(weights.chunks_exact(self.outputs)) {
            if *x != 0.0 {
                for (sum, weight) in output.iter_mut().zip(row) {
                    *sum += x * weight;
                }
            }
        }
    }

    /// Adds the gradient for `delta` at the output to `gradient`, and gives that at the input.
    fn backward(&self, input: &[f64], delta: &[f64], gradient: &mut [f64], back: &mut [f64]) {
        let (inner, biases) = gradient.split_at_mut(input.len() * self.outputs);
        for (g, d) in biases.iter_mut().zip(delta) {
            *g += d;
        }
        let rows = inner
            .chunks_exact_mut(self.outputs)
            .zip(self.weights.chunks_exact(self.outputs));
        for ((x, back), (gradient, weights)) in input.iter().zip(back).zip(rows) {
            let mut sum = 0.0;
            for ((g, w), d) in gradient.iter_mut().zip(weights).zip(delta) {
                *g += x * d;
                sum += w * d;
            }
            *back = sum;
        }
    }
}

impl Network {
    /// Trains on `labels[rows]` from `states[rows]`; `None` without rows, or if a row does not exist.
    pub(crate) fn fit(
        states: &StateMatrix,
        labels: &[bool],
        rows: Range<usize>,
        training: &Training,
    ) -> Option<Network> {
        if rows.is_empty() || rows.end > states.rows().min(labels.len()) {
            return None;
        }
        let standardiser = Standardiser::fit(states, rows.clone());
        let x = by_rows(&standardiser, states, rows.clone());
        let labels = &labels[rows];
        let inputs = states.columns();
        let mut rng = random::stream(training.seed, 41);
        let mut widths = vec![inputs];
        widths.extend(&training.hidden);
        widths.push(OUTPUTS);
        let layers = widths
            .windows(2)
            .map(|w| Layer::drawn(w[0], w[1], &mut rng));
        let mut network = Network {
            standardiser,
            layers: layers.collect(),
        };
        let mut adam = Adam::new(&network.layers, training.rate);
        let mut pass = Pass::new(&network.layers, inputs);
        let mut order: Vec<usize> = (0..labels.len()).collect();
        for _ in 0..training.epochs {
            order.shuffle(&mut rng);
            for batch in order.chunks(training.batch.max(1)) {
                pass.clear();
                for &row in batch {
                    pass.learn(&network.layers, &x[row * inputs..][..inputs], labels[row]);
                }
                adam.step(&mut network.layers, &pass.gradients, batch.len() as f64);
            }
        }
        Some(network)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights.len()).sum()
    }

    /// Probability that the label is true, for each of `rows`, whose columns must be those of training.
    pub(crate) fn probabilities(&self, states: &StateMatrix, rows: Range<usize>) -> Vec<f64> {
        let x = by_rows(&self.standardiser, states, rows.clone());
        let mut pass = Pass::new(&self.layers, states.columns());
        let probability = |row: &[f64]| pass.forward(&self.layers, row)[1];
        if states.columns() == 0 {
            return vec![0.5; rows.len()];
        }
        x.chunks_exact(states.columns()).map(probability).collect()
    }
}

/// The standardised rows one after the other.
fn by_rows(standardiser: &Standardiser, states: &StateMatrix, rows: Range<usize>) -> Vec<f64> {
    let x = standardiser.apply(states, rows);
    let mut values = Vec::with_capacity(x.len());
    for row in x.row_iter() {
        values.extend(row.iter());
    }
    values
}

/// Buffers of one forward and backward pass.
struct Pass {
    /// Input of each layer, and the output of the last.
    values: Vec<Vec<f64>>,
    deltas: Vec<Vec<f64>>,
    gradients: Vec<Vec<f64>>,
}

impl Pass {
    fn new(layers: &[Layer], inputs: usize) -> Pass {
        let widths = layers.iter().map(|layer| layer.outputs);
        let values: Vec<Vec<f64>> = std::iter::once(inputs)
            .chain(widths)
            .map(|width| vec![0.0; width])
            .collect();
        Pass {
            deltas: values.clone(),
            values,
            gradients: layers.iter().map(|l| vec![0.0; l.weights.len()]).collect(),
        }
    }

    fn clear(&mut self) {
        for gradient in &mut self.gradients {
            gradient.fill(0.0);
        }
    }

    /// Class probabilities of `row`.
    fn forward(&mut self, layers: &[Layer], row: &[f64]) -> &[f64] {
        self.values[0].copy_from_slice(row);
        for (i, layer) in layers.iter().enumerate() {
            let (before, after) = self.values.split_at_mut(i + 1);
            layer.forward(&before[i], &mut after[0]);
            if i + 1 < layers.len() {
                for value in &mut after[0] {
                    *value = value.max(0.0);
                }
            } else {
                softmax(&mut after[0]);
            }
        }
        &self.values[layers.len()]
    }

    fn learn(&mut self, layers: &[Layer], row: &[f64], label: bool) {
        self.forward(layers, row);
        // Softmax with cross-entropy: probability less one at the true class.
        let last = layers.len();
        self.deltas[last].copy_from_slice(&self.values[last]);
        self.deltas[last][usize::from(label)] -= 1.0;
        for (i, layer) in layers.iter().enumerate().rev() {
            let (before, after) = self.deltas.split_at_mut(i + 1);
            let (input, back) = (&self.values[i], &mut before[i]);
            layer.backward(input, &after[0], &mut self.gradients[i], back);
            if i > 0 {
                for (back, value) in back.iter_mut().zip(input) {
                    if *value <= 0.0 {
                        *back = 0.0;
                    }
                }
            }
        }
    }
}

fn softmax(values: &mut [f64]) {
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in values.iter_mut() {
        *value = (*value - top).exp();
        sum += *value;
    }
    for value in values {
        *value /= sum;
    }
}

/// Adam's running moments.
struct Adam {
    rate: f64,
    steps: i32,
    moments: Vec<Vec<(f64, f64)>>,
}

impl Adam {
    fn new(layers: &[Layer], rate: f64) -> Adam {
        Adam {
            rate,
            steps: 0,
            moments: layers
                .iter()
                .map(|l| vec![(0.0, 0.0); l.weights.len()])
                .collect(),
        }
    }

    fn step(&mut self, layers: &mut [Layer], gradients: &[Vec<f64>], rows: f64) {
        let (beta1, beta2, floor) = ADAM;
        self.steps = self.steps.saturating_add(1);
        let (c1, c2) = (1.0 - beta1.powi(self.steps), 1.0 - beta2.powi(self.steps));
        for ((layer, gradient), moments) in layers.iter_mut().zip(gradients).zip(&mut self.moments)
        {
            let weights = layer.weights.iter_mut().zip(gradient).zip(moments);
            for ((weight, gradient), (first, second)) in weights {
                let g = gradient / rows;
                *first = beta1 * *first + (1.0 - beta1) * g;
                *second = beta2 * *second + (1.0 - beta2) * g * g;
                *weight -= self.rate * (*first / c1) / ((*second / c2).sqrt() + floor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Feature;

    fn data(n: usize, label: impl Fn(f64, f64) -> bool) -> (StateMatrix, Vec<bool>) {
        let mut rng = random::stream(4, 2);
        let mut column = || -> Vec<f64> { (0..n).map(|_| normal(&mut rng)).collect() };
        let (a, b, c) = (column(), column(), column());
        let labels = a.iter().zip(&b).map(|(a, b)| label(*a, *b)).collect();
        let columns = [("a", a), ("b", b), ("c", c)];
        let columns = columns.map(|(name, values)| (Feature::new(name, "1"), values));
        let states = StateMatrix::from_columns(n, columns.to_vec()).expect("finite");
        (states, labels)
    }

    #[test]
    fn the_published_network_has_246_parameters() {
        let (x, labels) = data(10, |a, _| a > 0.0);
        let network = Network::fit(&x, &labels, 0..10, &Training::published(1));
        assert_eq!(network.expect("rows").parameters(), 246);
    }

    #[test]
    fn it_learns_what_no_linear_rule_can() {
        let (x, labels) = data(2_000, |a, b| a * b > 0.0);
        let training = Training {
            hidden: vec![16],
            rate: 1e-2,
            ..Training::published(40)
        };
        let network = Network::fit(&x, &labels, 0..1_000, &training).expect("rows");
        let p = network.probabilities(&x, 1_000..2_000);
        let right = p
            .iter()
            .zip(&labels[1_000..])
            .filter(|(p, l)| (**p > 0.5) == **l);
        let right = right.count();
        assert!(right > 920, "{right} of 1000");
        let again = Network::fit(&x, &labels, 0..1_000, &training).expect("rows");
        assert_eq!(again, network, "a seed gives one network");
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let mut rng = random::stream(1, 1);
        let mut layers = vec![Layer::drawn(3, 4, &mut rng), Layer::drawn(4, 2, &mut rng)];
        let row = [0.3, -1.2, 0.8];
        let mut pass = Pass::new(&layers, 3);
        pass.clear();
        pass.learn(&layers, &row, true);
        let gradients = pass.gradients.clone();
        let mut loss = |layers: &[Layer]| -pass.forward(layers, &row)[1].ln();
        for (i, gradient) in gradients.iter().enumerate() {
            for (j, gradient) in gradient.iter().enumerate() {
                let kept = layers[i].weights[j];
                layers[i].weights[j] = kept + 1e-6;
                let up = loss(&layers);
                layers[i].weights[j] = kept - 1e-6;
                let down = loss(&layers);
                layers[i].weights[j] = kept;
                let slope = (up - down) / 2e-6;
                assert!(
                    (slope - gradient).abs() < 1e-6,
                    "{i} {j}: {slope} {gradient}"
                );
            }
        }
    }

    #[test]
    fn nothing_to_learn_from_is_refused() {
        let (x, labels) = data(10, |a, _| a > 0.0);
        assert_eq!(
            Network::fit(&x, &labels, 3..3, &Training::published(1)),
            None
        );
        assert_eq!(
            Network::fit(&x, &labels, 0..11, &Training::published(1)),
            None
        );
    }
}
