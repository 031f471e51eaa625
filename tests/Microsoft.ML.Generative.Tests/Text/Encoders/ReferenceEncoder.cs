using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Encoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>BERT by the formulas of the papers (Vaswani et al. 2017; Devlin et al. 2018), in double precision.</summary>
internal sealed class ReferenceEncoder(EncoderNetwork network)
{
    private readonly Dictionary<string, (float[] Values, long[] Shape)> _weights =
        ModuleWeights.Of(network).ToDictionary(w => w.Name, w => (TensorMemory.ToArray<float>(w.Tensor), w.Tensor.shape));

    private readonly EncoderArchitecture _a = network.Architecture;

    public double[][] Hidden(int[] tokens)
    {
        double[][] x = [.. tokens.Select((token, i) => Norm(
            "embeddingNorm", Add(Add(Row("tokens.weight", token), Row("positions", i)), Row("segments.weight", 0))))];
        for (int i = 0; i < _a.Layers; i++)
            x = Block($"blocks.{i}", x);
        return x;
    }

    private double[][] Block(string name, double[][] x)
    {
        int size = _a.EmbeddingSize / _a.Heads;
        double[][] all = [.. x.Select(row => Linear($"{name}.queriesKeysValues", row))];
        return [.. x.Select((row, time) =>
        {
            var attended = new List<double>();
            for (int head = 0; head < _a.Heads; head++)
            {
                double[] scores = [.. all.Select(other =>
                    Math.Exp(Dot(Part(all[time], head), Part(other, _a.Heads + head)) / Math.Sqrt(size)))];
                for (int i = 0; i < size; i++)
                    attended.Add(scores.Select((score, j) => score / scores.Sum() * Part(all[j], 2 * _a.Heads + head)[i]).Sum());
            }

            double[] middle = Norm($"{name}.attentionNorm", Add(row, Linear($"{name}.attentionOut", [.. attended])));
            double[] hidden = [.. Linear($"{name}.feedForwardIn", middle)
                .Select(v => v * MathNet.Numerics.Distributions.Normal.CDF(0, 1, v))];
            return Norm($"{name}.feedForwardNorm", Add(middle, Linear($"{name}.feedForwardOut", hidden)));
        })];

        double[] Part(double[] row, int part) => row[(part * size)..((part + 1) * size)];
    }

    private double[] Row(string name, int row)
    {
        int width = (int)_weights[name].Shape[1];
        return [.. _weights[name].Values.Skip(row * width).Take(width).Select(v => (double)v)];
    }

    private double[] Linear(string name, double[] x)
    {
        (float[] bias, _) = _weights[$"{name}.bias"];
        return [.. bias.Select((b, i) => b + Dot(Row($"{name}.weight", i), x))];
    }

    private double[] Norm(string name, double[] x)
    {
        double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
        (float[] gain, _) = _weights[$"{name}.weight"];
        (float[] bias, _) = _weights[$"{name}.bias"];
        return [.. x.Select((v, i) => (v - mean) / Math.Sqrt(variance + _a.NormEpsilon) * gain[i] + bias[i])];
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
