using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class OptimizerKernelTests
{
    // Around every vector width in use, and none.
    public static TheoryData<int, double, bool> Cases()
    {
        var cases = new TheoryData<int, double, bool>();
        foreach (int length in (int[])[1, 3, 7, 8, 9, 16, 17, 31, 33, 1000, 1027])
        {
            foreach (double decay in (double[])[0, 0.1])
            {
                cases.Add(length, decay, true);
                cases.Add(length, decay, false);
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AdamW_follows_algorithm_2_of_Loshchilov_and_Hutter(int length, double decay, bool byVectors) =>
        CheckAdam(length, decay, byVectors, isDecoupled: true);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Adam_follows_algorithm_1_of_Kingma_and_Ba_with_decay_in_the_gradient(int length, double decay, bool byVectors) =>
        CheckAdam(length, decay, byVectors, isDecoupled: false);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Sgd_sums_gradients_into_a_velocity(int length, double decay, bool byVectors)
    {
        const double rate = 0.05, momentum = 0.9;
        double[] w = Values(length, 1), velocity = new double[length];
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor weights = Floats(w), buffer = torch.full(length, 5f);
        for (int step = 1; step <= 5; step++)
        {
            double[] g = Values(length, 10 + step);
            for (int i = 0; i < length; i++)
            {
                double gradient = g[i] + decay * w[i];
                velocity[i] = step == 1 ? gradient : momentum * velocity[i] + gradient;
                w[i] -= rate * velocity[i];
            }

            var numbers = new SgdStep(rate, momentum, decay, step);
            if (byVectors)
                OptimizerKernels.Sgd(weights, Floats(g), buffer, numbers);
            else
                OptimizerKernels.SgdByOperations(weights, Floats(g), buffer, numbers);
        }

        Same(w, weights);
        Same(velocity, buffer);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(7, true)]
    [InlineData(16, true)]
    [InlineData(1027, true)]
    [InlineData(16, false)]
    [InlineData(1027, false)]
    public void The_moving_average_moves_by_the_rest_of_the_decay(int length, bool byVectors)
    {
        double[] average = Values(length, 1);
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor tensor = Floats(average);
        for (int step = 0; step < 5; step++)
        {
            double[] w = Values(length, 20 + step);
            for (int i = 0; i < length; i++)
                average[i] = 0.9 * average[i] + 0.1 * w[i];
            if (byVectors)
                OptimizerKernels.Ema(tensor, Floats(w), 0.9);
            else
                OptimizerKernels.EmaByOperations(tensor, Floats(w), 0.9);
        }

        Same(average, tensor);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(64)]
    [InlineData(1027)]
    public void The_norm_is_the_root_of_the_sum_of_squares(int length)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        double[] values = Values(length, 3);
        double expected = Math.Sqrt(values.Sum(v => v * v));
        Assert.Equal(expected, OptimizerKernels.Norm(Floats(values)), 1e-12);
        Assert.Equal(expected, OptimizerKernels.NormByOperations(Floats(values)), 1e-4);
    }

    [Fact]
    public void The_norm_of_large_values_does_not_overflow()
    {
        using torch.Tensor values = torch.full(100, 1e30f);
        Assert.Equal(1e31, OptimizerKernels.Norm(values), 1e25);
    }

    [Fact]
    public void Threads_change_no_bit_of_large_buffers()
    {
        (float[] weights, double norm) one = Train(1), two = Train(2), three = Train(3);
        Assert.Equal(one.weights, two.weights);
        Assert.Equal(one.weights, three.weights);
        Assert.Equal(one.norm, two.norm);
        Assert.Equal(one.norm, three.norm);

        static (float[], double) Train(int threads)
        {
            const int length = 100_003;
            using DisposeScope scope = torch.NewDisposeScope();
            using IDisposable scoped = TorchThreads.Scope(threads);
            torch.Tensor weights = Floats(Values(length, 1)), first = torch.zeros(length), second = torch.zeros(length);
            torch.Tensor velocity = torch.zeros(length), average = torch.zeros(length), gradients = Floats(Values(length, 2));
            for (int step = 1; step <= 3; step++)
            {
                OptimizerKernels.Adam(weights, gradients, first, second, new AdamStep(0.01, 0.9, 0.99, 1e-8, 0.1, true, step));
                OptimizerKernels.Sgd(weights, gradients, velocity, new SgdStep(0.01, 0.9, 0.1, step));
                OptimizerKernels.Ema(average, weights, 0.9);
            }

            return ([.. Floats(weights), .. Floats(average)], OptimizerKernels.Norm(weights));
        }
    }

    [Fact]
    public void A_part_of_a_buffer_is_updated_and_its_neighbors_are_not()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor weights = torch.ones(40), gradients = torch.ones(40), velocity = torch.zeros(40);
        OptimizerKernels.Sgd(weights.narrow(0, 5, 21), gradients.narrow(0, 5, 21), velocity.narrow(0, 5, 21), new SgdStep(0.5, 0, 0, 1));

        float[] expected = [.. Enumerable.Range(0, 40).Select(i => i is >= 5 and < 26 ? 0.5f : 1f)];
        Assert.Equal(expected, weights.data<float>().ToArray());
    }

    [Fact]
    public void Buffers_of_other_lengths_or_layouts_are_refused()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        var step = new SgdStep(0.1, 0, 0, 1);
        Assert.Throws<ArgumentException>(() => OptimizerKernels.Sgd(torch.ones(8), torch.ones(7), torch.ones(8), step));
        Assert.Throws<ArgumentException>(() => OptimizerKernels.Sgd(torch.ones(8), torch.ones(8), torch.ones(8, torch.float64), step));
        Assert.Throws<ArgumentException>(() => OptimizerKernels.Norm(torch.ones(4, 4).t()[torch.TensorIndex.Slice(0, 2)]));
    }

    private static void CheckAdam(int length, double decay, bool byVectors, bool isDecoupled)
    {
        const double rate = 0.01, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-6;
        double[] w = Values(length, 1), m = new double[length], v = new double[length];
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor weights = Floats(w), first = torch.zeros(length), second = torch.zeros(length);
        for (int step = 1; step <= 6; step++)
        {
            double[] g = Values(length, 10 + step);
            for (int i = 0; i < length; i++)
            {
                double gradient = isDecoupled ? g[i] : g[i] + decay * w[i];
                m[i] = beta1 * m[i] + (1 - beta1) * gradient;
                v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
                double mHat = m[i] / (1 - Math.Pow(beta1, step));
                double vHat = v[i] / (1 - Math.Pow(beta2, step));
                double shrink = isDecoupled ? rate * decay * w[i] : 0;
                w[i] = w[i] - shrink - rate * mHat / (Math.Sqrt(vHat) + epsilon);
            }

            var numbers = new AdamStep(rate, beta1, beta2, epsilon, decay, isDecoupled, step);
            if (byVectors)
                OptimizerKernels.Adam(weights, Floats(g), first, second, numbers);
            else
                OptimizerKernels.AdamByOperations(weights, Floats(g), first, second, numbers);
        }

        Same(w, weights);
        Same(m, first);
        Same(v, second);
    }

    private static double[] Values(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => (double)(float)(random.NextDouble() * 4 - 2))];
    }

    private static torch.Tensor Floats(double[] values) => torch.tensor(values.Select(v => (float)v).ToArray());

    private static float[] Floats(torch.Tensor values) => values.data<float>().ToArray();

    private static void Same(double[] expected, torch.Tensor actual)
    {
        float[] values = actual.data<float>().ToArray();
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], values[i], 2e-6 * Math.Max(1, Math.Abs(expected[i])));
    }
}
