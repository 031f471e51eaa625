using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.EncoderDecoders;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// T5 in plain loops over doubles, written from the formulas of Raffel et al. 2020: slow, and easy to check by eye. Scores of attention are
/// not scaled; what distances add to them is the same in all blocks.
/// </summary>
internal sealed class ReferenceEncoderDecoder(SequenceToSequenceNetwork network)
{
    private readonly SequenceToSequenceArchitecture _a = network.Architecture;

    private readonly Dictionary<string, (double[] Values, long[] Shape)> _weights = ModuleWeights.Of(network).ToDictionary(
        w => w.Name, w => (Array.ConvertAll(w.Tensor.data<float>().ToArray(), v => (double)v), w.Tensor.shape));

    private int HeadSize => _a.HeadSize ?? _a.EmbeddingSize / _a.Heads;

    /// <summary>Logits of the token after each position of the target's beginning: [time][vocabulary].</summary>
    public double[][] Logits(int[] source, int[] target)
    {
        double[][] encoded = [.. source.Select(token => Row("decoder.tokens.weight", token))];
        for (int i = 0; i < _a.Layers; i++)
            encoded = FeedForward($"encoder.blocks.{i}", Attend($"encoder.blocks.{i}", encoded, isCausal: false, "encoder"));
        encoded = [.. encoded.Select(row => Norm("encoder.norm", row))];

        double[][] x = [.. target.Select(token => Row("decoder.tokens.weight", token))];
        for (int i = 0; i < (_a.DecoderLayers ?? _a.Layers); i++)
        {
            string block = $"decoder.blocks.{i}";
            x = FeedForward(block, Cross(block, Attend(block, x, isCausal: true, "decoder"), encoded));
        }

        double scale = _a.TieEmbeddings ? 1 / Math.Sqrt(_a.EmbeddingSize) : 1;
        return [.. x.Select(row => Linear(
            _a.TieEmbeddings ? "decoder.tokens" : "decoder.head", [.. Norm("decoder.norm", row).Select(v => v * scale)]))];
    }

    private double[][] Attend(string block, double[][] x, bool isCausal, string stack)
    {
        int width = _a.Heads * HeadSize;
        double[][] all = [.. x.Select(row => Linear($"{block}.queriesKeysValues", Norm($"{block}.attentionNorm", row)))];
        return [.. x.Select((row, time) => Add(row, Linear($"{block}.attentionOut", Heads(
            all[time][..width], [.. all.Select(r => r[width..(2 * width)])], [.. all.Select(r => r[(2 * width)..])],
            (head, key) => isCausal && key > time
                ? double.NegativeInfinity
                : _weights[$"{stack}.relative.buckets.weight"].Values[Bucket(key - time, !isCausal) * _a.Heads + head]))))];
    }

    private double[][] Cross(string block, double[][] x, double[][] encoded)
    {
        int width = _a.Heads * HeadSize;
        double[][] all = [.. encoded.Select(row => Linear($"{block}.cross.keysValues", row))];
        return [.. x.Select(row => Add(row, Linear($"{block}.cross.output", Heads(
            Linear($"{block}.cross.queries", Norm($"{block}.cross.norm", row)),
            [.. all.Select(r => r[..width])], [.. all.Select(r => r[width..])], (_, _) => 0))))];
    }

    private double[][] FeedForward(string block, double[][] x) => [.. x.Select(row =>
    {
        double[] hidden = Linear($"{block}.feedForwardIn", Norm($"{block}.feedForwardNorm", row));
        double[] active = _a.FeedForward == FeedForwardKind.Relu
            ? [.. hidden.Select(v => Math.Max(0, v))]
            : [.. hidden[..(hidden.Length / 2)].Zip(hidden[(hidden.Length / 2)..], (gate, up) =>
                0.5 * gate * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (gate + 0.044715 * gate * gate * gate))) * up)];
        return Add(row, Linear($"{block}.feedForwardOut", active));
    })];

    private double[] Heads(double[] query, double[][] keys, double[][] values, Func<int, int, double> bias)
    {
        var attended = new List<double>();
        for (int head = 0; head < _a.Heads; head++)
        {
            Range own = (head * HeadSize)..((head + 1) * HeadSize);
            double[] weights = [.. keys.Select((key, k) => Math.Exp(Dot(query[own], key[own]) + bias(head, k)))];
            double sum = weights.Sum();
            for (int i = own.Start.Value; i < own.End.Value; i++)
                attended.Add(weights.Select((weight, k) => weight / sum * values[k][i]).Sum());
        }

        return [.. attended];
    }

    private int Bucket(int relative, bool isBidirectional)
    {
        int buckets = _a.PositionBuckets, first = 0;
        if (isBidirectional)
        {
            buckets /= 2;
            first = relative > 0 ? buckets : 0;
        }

        int distance = isBidirectional ? Math.Abs(relative) : Math.Max(0, -relative), exact = buckets / 2;
        if (distance < exact)
            return first + distance;
        double logarithm = Math.Log((double)distance / exact) / Math.Log((double)_a.MaxPositionDistance / exact);
        return first + Math.Min(buckets - 1, exact + (int)(logarithm * (buckets - exact)));
    }

    private double[] Norm(string name, double[] x)
    {
        double scale = 1 / Math.Sqrt(x.Average(v => v * v) + _a.NormEpsilon);
        return [.. x.Select((v, i) => v * scale * _weights[name + ".weight"].Values[i])];
    }

    private double[] Linear(string name, double[] x) =>
        [.. Enumerable.Range(0, (int)_weights[name + ".weight"].Shape[0]).Select(o => Dot(Row(name + ".weight", o), x))];

    private double[] Row(string name, int index)
    {
        (double[] values, long[] shape) = _weights[name];
        return values[(index * (int)shape[1])..((index + 1) * (int)shape[1])];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
