using System.Numerics.Tensors;

namespace Module02;

/// <summary>
/// A multilayer perceptron (MLP) with one hidden layer, written out: hidden = max(0, W₁·x + b₁), scores = W₂·hidden + b₂,
/// probabilities = softmax(scores). Its loss is the mean of −log p(label), and the chain rule gives its gradient.
/// </summary>
internal sealed class Mlp
{
    private readonly int _inputs;
    private readonly int _hidden;
    private readonly int _classes;

    public Mlp(int inputs, int hidden, int classes, int seed)
    {
        (_inputs, _hidden, _classes) = (inputs, hidden, classes);
        Weights = new double[hidden * inputs + hidden + classes * hidden + classes];

        // Standard deviation √(2 / inputs): the values keep their size from layer to layer (He et al. 2015). Biases start at 0.
        var random = new Random(seed);
        Fill(W1(Weights), Math.Sqrt(2.0 / inputs));
        Fill(W2(Weights), Math.Sqrt(2.0 / hidden));

        void Fill(Span<double> values, double standardDeviation)
        {
            foreach (ref double value in values)
                value = standardDeviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        }
    }

    /// <summary>All parameters, one after the other: W₁ row by row, b₁, W₂ row by row, b₂.</summary>
    public double[] Weights { get; }

    public int Hidden => _hidden;

    /// <summary>The weights of a hidden unit: its row of W₁.</summary>
    public double[] Template(int unit) => W1(Weights).Slice(unit * _inputs, _inputs).ToArray();

    /// <summary>The values of all layers for an image.</summary>
    public (double[] Hidden, double[] Probabilities) Forward(double[] x)
    {
        var hidden = new double[_hidden];
        for (int i = 0; i < _hidden; i++)
            hidden[i] = Math.Max(0, TensorPrimitives.Dot<double>(W1(Weights).Slice(i * _inputs, _inputs), x) + B1(Weights)[i]);

        var scores = new double[_classes];
        for (int k = 0; k < _classes; k++)
            scores[k] = TensorPrimitives.Dot<double>(W2(Weights).Slice(k * _hidden, _hidden), hidden) + B2(Weights)[k];

        var probabilities = new double[_classes];
        TensorPrimitives.SoftMax<double>(scores, probabilities);
        return (hidden, probabilities);
    }

    /// <summary>The mean loss of images in nats.</summary>
    public double Loss(IReadOnlyList<double[]> images, IReadOnlyList<int> labels) =>
        images.Zip(labels, (image, label) => -Math.Log(Forward(image).Probabilities[label])).Average();

    /// <summary>The share of images whose most probable class is the label.</summary>
    public double Accuracy(IReadOnlyList<double[]> images, IReadOnlyList<int> labels) =>
        images.Zip(
            labels, (image, label) => TensorPrimitives.IndexOfMax<double>(Forward(image).Probabilities) == label ? 1.0 : 0).Average();

    /// <summary>The mean loss of a batch of images, and its derivative with respect to each of <see cref="Weights"/>.</summary>
    public (double Loss, double[] Gradient) Backward(IReadOnlyList<double[]> images, IReadOnlyList<int> labels)
    {
        double loss = 0;
        var gradient = new double[Weights.Length];
        var hiddenErrors = new double[_hidden];
        foreach (var (x, label) in images.Zip(labels))
        {
            var (hidden, probabilities) = Forward(x);
            loss -= Math.Log(probabilities[label]) / images.Count;

            // The derivative of softmax and logarithm together: p − 1 for the label, p for the other classes.
            double[] errors = [.. probabilities.Select((p, k) => (p - (k == label ? 1 : 0)) / images.Count)];
            Array.Clear(hiddenErrors);
            for (int k = 0; k < _classes; k++)
            {
                AddScaled(hidden, errors[k], W2(gradient).Slice(k * _hidden, _hidden));
                B2(gradient)[k] += errors[k];
                AddScaled(W2(Weights).Slice(k * _hidden, _hidden), errors[k], hiddenErrors);
            }

            for (int i = 0; i < _hidden; i++)
            {
                // A unit whose output is 0 passes no gradient on.
                if (hidden[i] == 0)
                    continue;
                AddScaled(x, hiddenErrors[i], W1(gradient).Slice(i * _inputs, _inputs));
                B1(gradient)[i] += hiddenErrors[i];
            }
        }

        return (loss, gradient);
    }

    private static void AddScaled(ReadOnlySpan<double> values, double factor, Span<double> sum) =>
        TensorPrimitives.MultiplyAdd(values, factor, sum, sum);

    private Span<double> W1(double[] all) => all.AsSpan(0, _hidden * _inputs);

    private Span<double> B1(double[] all) => all.AsSpan(_hidden * _inputs, _hidden);

    private Span<double> W2(double[] all) => all.AsSpan(_hidden * _inputs + _hidden, _classes * _hidden);

    private Span<double> B2(double[] all) => all.AsSpan(all.Length - _classes, _classes);
}
