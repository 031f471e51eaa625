using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Batch normalization of rows that several processes have.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class BatchStatisticsTests
{
    private const int Rows = 8;
    private const int Channels = 3;

    // The first process has 5 of the 8 rows. libtorch's own batch normalization of all rows says what is right.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Two_processes_normalize_as_one_does_all_rows(bool isPenalized)
    {
        Result whole = Compute(null, 0, Rows, isPenalized);
        Result[] parts = ThreadProcesses.Results(2, transport =>
        {
            var group = new ProcessGroup(transport, TimeSpan.FromSeconds(20));
            var statistics = new BatchStatistics(values => group.SumOfFirst("statistics", 2, values));
            return Compute(statistics, transport.Rank * 5, transport.Rank == 0 ? 5 : 3, isPenalized);
        });
        AssertNear(whole.Output, [.. parts[0].Output, .. parts[1].Output]);
        AssertNear(whole.InputGradient, [.. parts[0].InputGradient, .. parts[1].InputGradient]);
        AssertNear(whole.WeightGradient, [.. parts[0].WeightGradient.Zip(parts[1].WeightGradient, (a, b) => a + b)]);
        Assert.All(parts, part => AssertNear(whole.Averages, part.Averages));
    }

    [Fact]
    public void What_goes_wrong_in_a_backward_pass_is_thrown_after_it()
    {
        using DisposeScope scope = NewDisposeScope();
        int calls = 0;
        var statistics = new BatchStatistics(values => ++calls > 3 ? throw new TimeoutException("Process 1 is gone.") : values);
        using (BatchStatistics.Scope(statistics))
        {
            using var layer = new BatchNormalization(Channels);
            layer.call(Input().requires_grad_()).square().sum().backward();
        }

        Assert.Equal(4, calls);
        Assert.Equal("Process 1 is gone.", Assert.Throws<TimeoutException>(statistics.Check).Message);
    }

    private static Result Compute(BatchStatistics? statistics, int first, int count, bool isPenalized)
    {
        using DisposeScope scope = NewDisposeScope();
        using var layer = new BatchNormalization(Channels);
        using IDisposable? synchronized = statistics is null ? null : BatchStatistics.Scope(statistics);
        Tensor input = Input().narrow(0, first, count).clone().requires_grad_();
        Tensor output = layer.Forward(input, null, slope: 0.2);
        Tensor loss = (output.square() * Weights().narrow(0, first, count)).sum();
        if (isPenalized)
            loss = loss + autograd.grad([loss], [input], retain_graph: true, create_graph: true)[0].square().sum();
        loss.backward();
        return new Result(
            TensorMemory.ToArray<float>(output), TensorMemory.ToArray<float>(input.grad!),
            [.. layer.parameters().SelectMany(p => TensorMemory.ToArray<float>(p.grad!))],
            [.. layer.named_buffers().SelectMany(b => TensorMemory.ToArray<float>(b.buffer))]);
    }

    private static Tensor Input() => Noise(1) * 3 + 10;

    private static Tensor Weights() => Noise(2);

    private static Tensor Noise(ulong seed)
    {
        using var generator = new Generator(seed);
        return randn([Rows, Channels, 2, 2], generator: generator);
    }

    private static void AssertNear(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double scale = expected.Max(v => Math.Abs(v));
        Assert.InRange(expected.Zip(actual, (a, b) => Math.Abs((double)a - b)).Max(), 0, 1e-4 * scale);
    }

    private sealed record Result(float[] Output, float[] InputGradient, float[] WeightGradient, float[] Averages);
}
