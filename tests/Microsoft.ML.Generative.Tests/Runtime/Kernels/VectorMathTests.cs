using System.Numerics;
using MathNet.Numerics;
using Microsoft.ML.Generative.Runtime.Kernels;

namespace Microsoft.ML.Generative.Tests;

public sealed class VectorMathTests
{
    [Fact]
    public void Exponentials_are_right_to_a_float()
    {
        for (double x = -86.85; x < 88.7; x += 0.0137)
            AssertRelative(Math.Exp((float)x), VectorMath.Exp(new Vector<float>((float)x))[0], 3e-7);
        Assert.Equal(0, VectorMath.Exp(new Vector<float>(float.NegativeInfinity))[0]);
        Assert.Equal(float.PositiveInfinity, VectorMath.Exp(new Vector<float>(float.PositiveInfinity))[0]);
        Assert.True(float.IsNaN(VectorMath.Exp(new Vector<float>(float.NaN))[0]));
        Assert.Equal(1, VectorMath.Exp(Vector<float>.Zero)[0]);
    }

    [Fact]
    public void Gelu_is_x_times_the_normal_distribution_also_in_its_tail()
    {
        for (double x = -8; x < 12; x += 0.0037)
        {
            float value = (float)x;
            AssertRelative(value * 0.5 * SpecialFunctions.Erfc(-value / Math.Sqrt(2)), VectorMath.Gelu(new Vector<float>(value))[0], 4e-6);
            Assert.Equal(value * 0.5 * SpecialFunctions.Erfc(-value / Math.Sqrt(2)), VectorMath.Gelu(new Vector<float>(value))[0], 2e-7 * (1
                + Math.Abs(value)));
        }
    }

    [Fact]
    public void Other_activations_are_their_formulas()
    {
        for (double x = -30; x < 30; x += 0.013)
        {
            float value = (float)x;
            AssertRelative(value / (1 + Math.Exp(-value)), VectorMath.Silu(new Vector<float>(value))[0], 1e-6);
            double tanh = 0.5 * value * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (value + 0.044715 * value * value * value)));
            Assert.Equal(tanh, VectorMath.GeluTanh(new Vector<float>(value))[0], 3e-7 * (1 + Math.Abs(value)));
        }

        foreach (Func<Vector<float>, Vector<float>> activation in (Func<Vector<float>, Vector<float>>[])
        [
            VectorMath.Silu, VectorMath.Gelu, VectorMath.GeluTanh,
        ])
        {
            Assert.Equal(1e4f, activation(new Vector<float>(1e4f))[0]);
            Assert.Equal(0, activation(new Vector<float>(-1e4f))[0]);
            Assert.True(float.IsNaN(activation(new Vector<float>(float.NaN))[0]));
        }
    }

    [Fact]
    public void Slopes_are_the_derivatives_and_come_with_the_same_values()
    {
        for (double x = -30; x < 30; x += 0.013)
        {
            float value = (float)x;
            var vector = new Vector<float>(value);
            double tolerance = 4e-7 * (1 + Math.Abs(value)), square = (double)value * value;

            Assert.Equal(VectorMath.Gelu(vector), VectorMath.Gelu(vector, out Vector<float> slope));
            double density = Math.Exp(-square / 2) / Math.Sqrt(2 * Math.PI);
            Assert.Equal(0.5 * SpecialFunctions.Erfc(-value / Math.Sqrt(2)) + value * density, slope[0], tolerance);

            Assert.Equal(VectorMath.GeluTanh(vector)[0], VectorMath.GeluTanh(vector, out slope)[0], tolerance);
            double tanh = Math.Tanh(Math.Sqrt(2 / Math.PI) * (value + 0.044715 * value * square));
            double inner = Math.Sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * square);
            Assert.Equal((1 + tanh) / 2 + value * (1 - tanh * tanh) / 2 * inner, slope[0], 2 * tolerance);

            Assert.Equal(VectorMath.Silu(vector)[0], VectorMath.Silu(vector, out slope)[0], tolerance);
            double sigmoid = 1 / (1 + Math.Exp(-value));
            Assert.Equal(sigmoid * (1 + value * (1 - sigmoid)), slope[0], tolerance);
        }

        foreach (float far in (float[])[-1e4f, 1e4f])
        {
            VectorMath.Gelu(new Vector<float>(far), out Vector<float> gelu);
            VectorMath.GeluTanh(new Vector<float>(far), out Vector<float> tanh);
            VectorMath.Silu(new Vector<float>(far), out Vector<float> silu);
            Assert.All((float[])[gelu[0], tanh[0], silu[0]], slope => Assert.Equal(far > 0 ? 1 : 0, slope));
        }
    }

    [Fact]
    public void Sums_of_four_are_the_sums_of_each_to_the_bit()
    {
        var random = new Random(3);
        for (int round = 0; round < 100; round++)
        {
            Vector<float>[] x = [.. Enumerable.Range(0, 4)
                .Select(_ => new Vector<float>([.. Enumerable.Range(0, Vector<float>.Count).Select(_ => random.NextSingle())]))];
            var sums = VectorMath.Sums(x[0], x[1], x[2], x[3]);
            for (int i = 0; i < 4; i++)
            {
                Assert.Equal(VectorMath.Sum(x[i]), sums[i]);
                Assert.Equal(Enumerable.Range(0, Vector<float>.Count).Sum(j => (double)x[i][j]), sums[i], 1e-5);
                Assert.Equal(Enumerable.Range(0, Vector<float>.Count).Max(j => x[i][j]), VectorMath.Max(x[i]));
            }
        }
    }

    private static void AssertRelative(double expected, double found, double tolerance) =>
        Assert.True(Math.Abs(expected - found) <= tolerance * Math.Abs(expected), $"expected {expected}, found {found}");
}
