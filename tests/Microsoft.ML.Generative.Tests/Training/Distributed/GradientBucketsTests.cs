using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using Microsoft.ML.Generative.Training.Distributed;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Linear = Microsoft.ML.Generative.Layers.Linear;

namespace Microsoft.ML.Generative.Tests;

/// <summary>Gradients that are exchanged while the backward pass computes others.</summary>
[Collection(GlobalTorchState.Name)]
public sealed class GradientBucketsTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(20);

    // (first, length, first matrix, matrices) of each bucket: matrices from the last to the first, then the vectors.
    [Theory]
    [InlineData("4 3 2 5", 7, 1, "9,5,3,1 7,2,2,1 4,3,1,1 0,4,0,1 14,7,4,0")]
    [InlineData("4 3 2 5", 7, 6, "7,7,2,2 0,7,0,2 14,7,4,0")]
    [InlineData("4 3 2 5", 0, 8, "4,10,1,3 0,4,0,1")]
    [InlineData("4 3 2 5", 1, 100, "0,14,0,4 14,1,4,0")]
    [InlineData("", 3, 1, "0,3,0,0")]
    public void Buckets_are_parts_of_the_gradients_from_the_last_matrix_to_the_first(
        string matrices, long vectors, long length, string expected)
    {
        long[] lengths = [.. matrices.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        Assert.Equal(expected, string.Join(' ', GradientBuckets.Split(lengths, vectors, length)
            .Select(r => $"{r.First},{r.Length},{r.FirstMatrix},{r.Matrices}")));
    }

    [Fact]
    public void The_last_layer_is_exchanged_before_the_first_has_its_gradient()
    {
        bool[] wereExchanged = ThreadProcesses.Results(2, transport =>
        {
            using var watched = new Watched(transport);
            using var chain = new Chain(watched);
            bool wasExchanged = false;
            Tensor x = GradientTap.Pass(ones(3, 4, requires_grad: true), () => wasExchanged = watched.HasSummed.Wait(_limit));
            chain.Learn(() => chain.Layers.Aggregate(x, (y, layer) => layer.call(y)));
            chain.Buckets.Finish();
            return wasExchanged;
        });
        Assert.All(wereExchanged, was => Assert.True(was));
    }

    [Theory]
    [InlineData("chain")]
    [InlineData("one layer twice")]
    [InlineData("recomputed")]
    [InlineData("a weight without its layer")]
    [InlineData("an unused layer")]
    [InlineData("an input without gradient in the middle")]
    [InlineData("a gradient in the loss")]
    [InlineData("a forward pass without gradients before")]
    public void Gradients_are_the_sums_however_layers_are_used(string use)
    {
        float[] expected;
        using (var alone = new Chain(null))
        {
            alone.Learn(() => Loss(alone.Layers, use));
            alone.Buckets.Finish();
            expected = [.. alone.Gradients.Select(g => 2 * g)];
            Assert.NotEqual(0, expected.Sum(g => Math.Abs(g)));
        }

        float[][] sums = ThreadProcesses.Results(2, transport =>
        {
            using var chain = new Chain(transport);
            // Twice, as in two steps.
            for (int i = 0; i < 2; i++)
            {
                chain.Clear();
                chain.Learn(() => Loss(chain.Layers, use));
                chain.Buckets.Finish();
            }

            return chain.Gradients;
        });
        Assert.All(sums, s => Assert.Equal(expected, s));
    }

    [Fact]
    public void A_process_without_a_batch_takes_part()
    {
        float[][] sums = ThreadProcesses.Results(2, transport =>
        {
            using var chain = new Chain(transport);
            if (transport.Rank == 0)
                chain.Learn(() => Loss(chain.Layers, "chain"));
            chain.Buckets.Finish();
            return chain.Gradients;
        });
        Assert.Equal(sums[0], sums[1]);
        Assert.NotEqual(0, sums[1].Sum(v => Math.Abs(v)));
    }

    [Fact]
    public void A_process_that_fails_while_gradients_are_exchanged_is_named()
    {
        (bool, Exception? Error)[] results = ThreadProcesses.Run<bool>(2, transport =>
        {
            using var chain = new Chain(transport);
            chain.Learn(() => Loss(chain.Layers, "chain"));
            if (transport.Rank == 1)
            {
                chain.Group.Fail(new InvalidDataException("Row 5 is broken."));
                return true;
            }

            chain.Buckets.Finish();
            chain.Group.Sum("the next step", 1);
            return true;
        });
        Assert.Equal("Process 1 of 2 has failed: Row 5 is broken.", results[0].Error!.Message);
        Assert.Null(results[1].Error);
    }

    private static Tensor Loss(Linear[] layers, string use)
    {
        Tensor x = ones(3, 4, requires_grad: true);
        switch (use)
        {
            case "one layer twice":
                return Call(layers[1], layers[2], layers[1], layers[3], layers[0]);
            case "recomputed":
                return layers[3].call(Recompute.Call(y => Call2(y, layers[1], layers[2]), Call(layers[0], layers[2])));
            case "a weight without its layer":
                return nn.functional.linear(Call(layers[0], layers[1], layers[2]), layers[3].Weight.Plain!);
            case "an unused layer":
                return Call(layers[0], layers[2], layers[3]);
            case "an input without gradient in the middle":
                return layers[3].call(Call(layers[0], layers[1]).tanh() + layers[2].call(ones(3, 4)));
            case "a gradient in the loss":
                Tensor squares = Call([.. layers]).square();
                return squares + autograd.grad([squares.sum()], [x], create_graph: true, retain_graph: true)[0].square();
            case "a forward pass without gradients before":
                using (no_grad())
                    Call(layers[3], layers[2]);
                return Call([.. layers]);
            default:
                return Call([.. layers]);
        }

        Tensor Call(params Linear[] all) => Call2(x, all);

        static Tensor Call2(Tensor input, params Linear[] all) => all.Aggregate(input, (y, layer) => layer.call(y.tanh()));
    }

    /// <summary>Four layers, each a bucket.</summary>
    private sealed class Chain : IDisposable
    {
        private readonly DisposeScope _scope = NewDisposeScope();
        private readonly Sequential _module;
        private readonly Tensor _gradients;

        public Chain(IProcessTransport? transport)
        {
            Layers = [.. Enumerable.Range(0, 4).Select(_ => new Linear(4, 4))];
            _module = nn.Sequential(Layers);
            SetWeights();
            Parameter[] ordered =
                [.. _module.parameters().Where(p => p.dim() == 2), .. _module.parameters().Where(p => p.dim() == 1)];
            _gradients = zeros(4 * 20);
            long start = 0;
            foreach (Parameter parameter in ordered)
            {
                parameter.grad = _gradients.narrow(0, start, parameter.numel()).view(parameter.shape);
                start += parameter.numel();
            }

            Group = new ProcessGroup(transport ?? new ThreadProcesses(1)[0], _limit);
            Buckets = new GradientBuckets(Group, null, _module, ordered, _gradients, bucketBytes: 1);
        }

        public Linear[] Layers { get; }

        public ProcessGroup Group { get; }

        public GradientBuckets Buckets { get; }

        public float[] Gradients => TensorMemory.ToArray<float>(_gradients);

        public void Clear() => _gradients.zero_();

        // Not from libtorch's generator, which what another process of the test recomputes sets meanwhile.
        private void SetWeights()
        {
            using IDisposable noGradient = no_grad();
            foreach ((int i, Parameter parameter) in _module.parameters().Index())
                parameter.copy_((arange(parameter.numel(), float32) * 0.7f + i).sin().view(parameter.shape));
        }

        public void Learn(Func<Tensor> compute)
        {
            Buckets.Watch();
            Tensor loss = compute().sum();
            Buckets.BeginBackward();
            loss.backward();
            Buckets.EndBackward();
        }

        public void Dispose()
        {
            Buckets.Dispose();
            _module.Dispose();
            _scope.Dispose();
        }
    }

    /// <summary>Says when gradients have been summed for the first time.</summary>
    private sealed class Watched(IProcessTransport inner) : IProcessTransport, IDisposable
    {
        public ManualResetEventSlim HasSummed { get; } = new();

        public int Rank => inner.Rank;

        public int Size => inner.Size;

        public bool LeavesProcessor
        {
            set => inner.LeavesProcessor = value;
        }

        public bool TrySend(int rank, ReadOnlySpan<byte> bytes, TimeSpan timeout) => inner.TrySend(rank, bytes, timeout);

        public bool TryReceive(int rank, Span<byte> bytes, TimeSpan timeout) => inner.TryReceive(rank, bytes, timeout);

        public bool TrySum(Span<float> values, TimeSpan timeout)
        {
            bool isDone = inner.TrySum(values, timeout);
            HasSummed.Set();
            return isDone;
        }

        public bool TrySumInto(int rank, Span<float> values, TimeSpan timeout) => inner.TrySumInto(rank, values, timeout);

        public bool TryBroadcast(int rank, Span<byte> bytes, TimeSpan timeout) => inner.TryBroadcast(rank, bytes, timeout);

        public void Abandon() => inner.Abandon();

        public void Release() => inner.Release();

        public void Dispose() => HasSummed.Dispose();
    }
}
