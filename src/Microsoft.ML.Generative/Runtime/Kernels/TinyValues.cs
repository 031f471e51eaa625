using System.Numerics;

namespace Microsoft.ML.Generative.Runtime.Kernels;

/// <summary>
/// Sets state that has decayed to 0. Where gradients are 0, an average shrinks by a factor in each step until it is subnormal, and then
/// stays: 0.9 times 4 units of the last place is rounded to 4 again. Instructions on such numbers take a hundred times as long.
/// </summary>
internal static class TinyValues
{
    /// <summary>
    /// Weights, first moments and averages up to this magnitude become 0: they are lost beside any others, and what is computed of them is
    /// subnormal before they are.
    /// </summary>
    public const float Smallest = 1e-30f;

    /// <summary>
    /// The smallest number that is not subnormal. Second moments are squares, whose roots matter as long as they are normal.
    /// </summary>
    public const float SmallestNormal = 1.17549435e-38f;

    /// <summary>The values, with 0 in place of magnitudes up to <paramref name="smallest"/>. What is not a number stays.</summary>
    public static Vector<float> Flush(Vector<float> values, Vector<float> smallest) =>
        Vector.AndNot(values, Vector.AsVectorSingle(Vector.LessThanOrEqual(Vector.Abs(values), smallest)));

    /// <inheritdoc cref="Flush(Vector{float}, Vector{float})"/>
    public static float Flush(float value, float smallest) => MathF.Abs(value) <= smallest ? 0 : value;
}
