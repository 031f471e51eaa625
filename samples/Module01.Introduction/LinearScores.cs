using Microsoft.ML.Data;
using Microsoft.ML.Trainers;

namespace Module01;

/// <summary>
/// The parameters of ML.NET's classifier: weights and a bias for each class, whose scores softmax turns into probabilities.
/// </summary>
internal sealed class LinearScores
{
    private readonly float[] _biases;

    public LinearScores(MaximumEntropyModelParameters model)
    {
        VBuffer<float>[] weights = [];
        model.GetWeights(ref weights, out int classes);
        Weights = [.. weights.Take(classes).Select(row => row.DenseValues().ToArray())];
        _biases = [.. model.GetBiases()];
    }

    /// <summary>A row for each class.</summary>
    public float[][] Weights { get; }

    /// <summary>p(class | values).</summary>
    public double[] Probabilities(params ReadOnlySpan<double> values)
    {
        var logits = new double[Weights.Length];
        for (int label = 0; label < logits.Length; label++)
        {
            logits[label] = _biases[label];
            for (int i = 0; i < values.Length; i++)
                logits[label] += Weights[label][i] * values[i];
        }

        double sum = Numbers.LogSum(logits);
        return Array.ConvertAll(logits, logit => Math.Exp(logit - sum));
    }
}
