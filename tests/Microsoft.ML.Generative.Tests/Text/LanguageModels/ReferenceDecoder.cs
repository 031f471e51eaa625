using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// A decoder-only transformer in plain loops over doubles, written from the papers' formulas: slow, and easy to check by eye.
/// </summary>
internal sealed class ReferenceDecoder
{
    private readonly LanguageModelArchitecture _a;
    private readonly Dictionary<string, (double[] Values, long[] Shape)> _weights;

    public ReferenceDecoder(LanguageModelArchitecture architecture, IEnumerable<(string Name, torch.Tensor Tensor)> weights)
    {
        _a = architecture;
        _weights = weights.ToDictionary(
            w => w.Name, w => (Array.ConvertAll(w.Tensor.data<float>().ToArray(), v => (double)v), w.Tensor.shape));
    }

    /// <summary>Logits of the token after each position: [time][vocabulary].</summary>
    public double[][] Logits(int[] tokens)
    {
        double[][] x = [.. tokens.Select((token, t) =>
        {
            double[] row = Row("tokens.weight", token);
            return _a.Positions == PositionEncoding.Learned ? Add(row, Row("positions", t)) : row;
        })];
        for (int layer = 0; layer < _a.Layers; layer++)
            x = Block($"blocks.{layer}", x);
        return [.. x.Select(row => Linear(_a.TieEmbeddings ? "tokens" : "head", Norm("norm", row)))];
    }

    private double[][] Block(string name, double[][] x)
    {
        int heads = _a.Heads, keyHeads = _a.KeyValueHeads ?? heads, size = _a.HeadSize ?? _a.EmbeddingSize / heads;
        double[][] all = [.. x.Select(row => Linear($"{name}.queriesKeysValues", Norm($"{name}.attentionNorm", row)))];
        double[] Part(int time, int head) => all[time][(head * size)..((head + 1) * size)];

        return [.. x.Select((row, time) =>
        {
            var attended = new List<double>();
            for (int head = 0; head < heads; head++)
            {
                int keyHead = head / (heads / keyHeads);
                double[] query = Rotate(Part(time, head), time);
                int first = _a.SlidingWindow is { } window ? Math.Max(0, time - window + 1) : 0;
                double[] scores = [.. Enumerable.Range(first, time - first + 1)
                    .Select(other => Math.Exp(Dot(query, Rotate(Part(other, heads + keyHead), other)) / Math.Sqrt(size)))];
                double sum = scores.Sum();
                for (int i = 0; i < size; i++)
                    attended.Add(scores.Select((score, j) => score / sum * Part(first + j, heads + keyHeads + keyHead)[i]).Sum());
            }

            double[] middle = Add(row, Linear($"{name}.attentionOut", [.. attended]));
            double[] hidden = Linear($"{name}.feedForwardIn", Norm($"{name}.feedForwardNorm", middle));
            Func<double, double> activation = _a.FeedForward switch
            {
                FeedForwardKind.SwiGlu => v => v / (1 + Math.Exp(-v)),
                FeedForwardKind.Gelu or FeedForwardKind.GeGlu => v => v * MathNet.Numerics.Distributions.Normal.CDF(0, 1, v),
                FeedForwardKind.Relu => v => Math.Max(v, 0),
                _ => v => 0.5 * v * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))),
            };
            bool isGated = _a.FeedForward is FeedForwardKind.SwiGlu or FeedForwardKind.GeGlu or FeedForwardKind.GeGluTanh;
            double[] active = isGated
                ? [.. hidden[..(hidden.Length / 2)].Zip(hidden[(hidden.Length / 2)..], (gate, up) => activation(gate) * up)]
                : [.. hidden.Select(activation)];
            return Add(middle, Linear($"{name}.feedForwardOut", active));
        })];
    }

    // RoFormer, eq. 34, with Llama 3.1's stretching of the wave lengths.
    private double[] Rotate(double[] x, int position)
    {
        if (_a.Positions == PositionEncoding.Learned)
            return x;
        double[] rotated = new double[x.Length];
        int half = x.Length / 2;
        for (int i = 0; i < half; i++)
        {
            double angle = position * Frequency(i, x.Length);
            (int a, int b) = _a.Positions == PositionEncoding.RotaryInterleaved ? (2 * i, 2 * i + 1) : (i, i + half);
            rotated[a] = x[a] * Math.Cos(angle) - x[b] * Math.Sin(angle);
            rotated[b] = x[a] * Math.Sin(angle) + x[b] * Math.Cos(angle);
        }

        return rotated;
    }

    private double Frequency(int pair, int size)
    {
        double frequency = 1 / Math.Pow(_a.RotaryBase, 2.0 * pair / size);
        if (_a.RotaryScaling is not { } s)
            return frequency;
        if (s.Kind == RotaryScalingKind.Linear)
            return frequency / s.Factor;
        double waveLength = 2 * Math.PI / frequency;
        if (waveLength < s.OriginalContextLength / s.HighFrequencyFactor)
            return frequency;
        if (waveLength > s.OriginalContextLength / s.LowFrequencyFactor)
            return frequency / s.Factor;
        double smooth = (s.OriginalContextLength / waveLength - s.LowFrequencyFactor) / (s.HighFrequencyFactor - s.LowFrequencyFactor);
        return (1 - smooth) * frequency / s.Factor + smooth * frequency;
    }

    private double[] Norm(string name, double[] x)
    {
        double mean = _a.Normalization == NormalizationKind.LayerNorm ? x.Average() : 0;
        double scale = 1 / Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + _a.NormEpsilon);
        double[] gain = _weights[name + ".weight"].Values;
        double[]? bias = _weights.TryGetValue(name + ".bias", out var b) ? b.Values : null;
        return [.. x.Select((v, i) => (v - mean) * scale * gain[i] + (bias?[i] ?? 0))];
    }

    private double[] Linear(string name, double[] x)
    {
        long outputs = _weights[name + ".weight"].Shape[0];
        double[]? bias = _weights.TryGetValue(name + ".bias", out var b) ? b.Values : null;
        return [.. Enumerable.Range(0, (int)outputs).Select(o => Dot(Row(name + ".weight", o), x) + (bias?[o] ?? 0))];
    }

    private double[] Row(string name, int row)
    {
        (double[] values, long[] shape) = _weights[name];
        int width = (int)shape[1];
        return values[(row * width)..((row + 1) * width)];
    }

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
