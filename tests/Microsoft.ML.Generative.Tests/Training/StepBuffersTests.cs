using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>State that layers change while they compute, in steps of several batches.</summary>
public sealed class StepBuffersTests
{
    [Fact]
    public void Averages_of_batch_normalization_move_once_a_step()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor(new float[] { 1, 3, 5, 11, 2, 2, 4, 8 }, [8, 1]);
        (float mean, float variance, float batches) Train(int batchSize, int count)
        {
            using var layer = new BatchNormalization(1);
            var options = new ToyOptions { MaxSteps = 1, BatchSize = batchSize, GradientAccumulationSteps = count };
            using var network = new TrainedNetwork("n", layer, options);
            Toys.Loop(options,
                [new TrainingPhase(network, new RowBatches([x], batchSize), (_, b) => new Losses(layer.call(b[0]).square().mean()))]).Run();
            Dictionary<string, float> buffers = layer.named_buffers().ToDictionary(b => b.name, b => b.buffer.ToSingle());
            return (buffers["running_mean"], buffers["running_var"], buffers["num_batches_tracked"]);
        }

        // Squared distances from 4.5 add up to 82. The variances within the batches (1, 3), (5, 11), (2, 2) and (4, 8) are 2, 18, 0 and 8.
        Assert.Equal((4.5f, 82f / 7, 1f), Train(8, 1));
        Assert.Equal((4.5f, 7f, 1f), Train(2, 4));
    }

    [Fact]
    public void Power_iteration_moves_as_in_one_batch()
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor x = randn([8, 5], generator: generator);
        float[] Train(int batchSize, int count)
        {
            using Linear layer = TorchSeed.Initialize(4, () =>
            {
                var linear = new Linear(5, 4);
                SpectralWeight.Normalize(linear);
                return linear;
            });
            var options = new ToyOptions { MaxSteps = 1, BatchSize = batchSize, GradientAccumulationSteps = count };
            using var network = new TrainedNetwork("n", layer, options);
            Toys.Loop(options,
                [new TrainingPhase(network, new RowBatches([x], batchSize), (_, b) => new Losses(layer.call(b[0]).square().mean()))]).Run();
            return TensorMemory.ToArray<float>(layer.named_buffers().Single().buffer);
        }

        float[] one = Train(8, 1), several = Train(2, 4);
        Assert.All(one.Zip(several), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }
}
