using Microsoft.ML.Generative.Runtime;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Flows;

/// <summary>
/// Bytes as real values. Each gets noise within its level, so that a density over the real values bounds the bytes' probability (Theis,
/// van den Oord, Bethge 2015, section 3.1), and the logit of what results has no bounds (Dinh, Sohl-Dickstein, Bengio 2016, section 4.1).
/// </summary>
internal static class Dequantization
{
    public const int Levels = 256;

    // α of the paper: the part of 0..1 that is kept free at either end, where logits are infinite.
    public const double Margin = 0.05;

    /// <summary>What the change of scale to 0..1 without the margins adds to the log-determinant, per value.</summary>
    public static readonly double LogScalePerValue = Math.Log(1 - 2 * Margin) - Math.Log(Levels);

    /// <summary>Real values, [batch, values], and the log-determinant of their change by the level, [batch].</summary>
    /// <param name="x">[batch, values], bytes as 0..1.</param>
    /// <param name="noise">[batch, values] from 0 to 1: the place within the level. Default: its middle.</param>
    public static (Tensor Values, Tensor LogDeterminant) Encode(Tensor x, Tensor? noise)
    {
        Tensor levels = x.Times(Levels - 1).round();
        Tensor unit = (noise is null ? levels.Plus(0.5) : levels.Plus(noise)).Times(1.0 / Levels);
        Tensor inside = unit.Times(1 - 2 * Margin).Plus(Margin);
        Tensor log = inside.log(), logRest = (-inside).log1p();
        return (log - logRest, (-log - logRest).sum(1).Plus(LogScalePerValue * x.size(1)));
    }

    /// <summary>The bytes, as 0..1, whose levels hold the values.</summary>
    public static Tensor Decode(Tensor values)
    {
        Tensor unit = values.sigmoid().Plus(-Margin).Times(1 / (1 - 2 * Margin));
        return unit.Times(Levels).floor().Within(0, Levels - 1).Times(1.0 / (Levels - 1));
    }
}
