using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

public sealed class SequenceToSequenceNetworkTests
{
    [Theory]
    [InlineData(nameof(SequenceToSequenceArchitecture.T5Small), 60_506_624)]
    [InlineData(nameof(SequenceToSequenceArchitecture.T5Base), 222_903_552)]
    [InlineData(nameof(SequenceToSequenceArchitecture.FlanT5Small), 76_961_152)]
    public void Published_shapes_have_the_published_number_of_parameters(string preset, long parameters)
    {
        var architecture = (SequenceToSequenceArchitecture)typeof(SequenceToSequenceArchitecture).GetProperty(preset)!.GetValue(null)!;

        Assert.Equal(parameters, architecture.CountParameters());
        Assert.Equal(parameters, ModuleTensors.CountElements(() => new SequenceToSequenceNetwork(architecture)));
    }

    // torchtune's test of its encoder: weights, and the tokens, from the seed.
    [Fact]
    public void The_encoder_gives_the_published_values()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var network = new SequenceToSequenceNetwork(new SequenceToSequenceArchitecture
        {
            VocabularySize = 512,
            Layers = 2,
            Heads = 2,
            EmbeddingSize = 2,
            FeedForwardSize = 4,
            FeedForward = FeedForwardKind.GeGlu,
            PositionBuckets = 4,
            MaxPositionDistance = 4,
        });
        network.eval();
        using var generator = new Generator(0);

        // What PyTorch's constructors sample before.
        empty(512, 2).normal_(generator: generator);
        for (int layer = 0; layer < 2; layer++)
        {
            foreach (long[] shape in (long[][])[[2, 2], [2, 2], [2, 2], [2, 2], [4, 2], [2, 4], [4, 2]])
                empty(shape).uniform_(0, 1, generator);
        }

        empty(4, 2).normal_(generator: generator);
        Set(network.Decoder.Tokens.Weight);
        Set(network.Encoder.Norm.Gain);
        Set(network.Encoder.Relative.Buckets.Weight);
        foreach (TransformerBlock block in network.Encoder.Blocks)
        {
            foreach (LayerPart part in block.QueriesKeysValues.Parts)
                Set(block.QueriesKeysValues.Weight.Plain!.narrow(0, part.Start, part.Outputs));
            Set(block.AttentionOut.Weight.Plain!);
            Set(block.FeedForwardIn.Weight.Plain!.narrow(0, 0, 4));
            Set(block.FeedForwardOut.Weight.Plain!);
            Set(block.FeedForwardIn.Weight.Plain!.narrow(0, 4, 4));
            Set(block.AttentionNorm.Gain);
            Set(block.FeedForwardNorm.Gain);
        }

        Tensor tokens = randint(0, 512, [2, 8], generator: generator);
        float[] found = TensorMemory.ToArray<float>(network.Encode(tokens, null).States[0].contiguous());

        float[] expected =
        [
            0.1940f, 0.5625f, 0.1893f, 0.5681f, 0.2020f, 0.5522f, 0.2547f, 0.4681f,
            0.1769f, 0.5822f, 0.2737f, 0.4281f, 0.2828f, 0.4066f, 0.2841f, 0.4033f,
        ];
        foreach ((float value, float known) in found.Zip(expected))
            Assert.Equal(known, value, 1e-4);

        void Set(Tensor weight) => weight.copy_(empty(weight.shape).uniform_(0, 1, generator));
    }

    [Theory]
    [InlineData(FeedForwardKind.Relu, true)]
    [InlineData(FeedForwardKind.GeGluTanh, false)]
    public void Logits_are_those_of_the_papers_formulas(FeedForwardKind feedForward, bool isTied)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(feedForward, isTied);
        double[][] expected = new ReferenceEncoderDecoder(network).Logits(TinyEncoderDecoders.Source, TinyEncoderDecoders.Target);

        Tensor logits = network.Logits(Row(TinyEncoderDecoders.Source), null, Row(TinyEncoderDecoders.Target));

        AssertClose(expected.SelectMany(row => row), logits);
    }

    [Theory]
    [InlineData(40)]
    [InlineData(200)]
    public void Padding_changes_no_result(int length)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.GeGluTanh, isTied: false);
        Tensor target = Row(TinyEncoderDecoders.Target);
        Tensor alone = network.Logits(Row(TinyEncoderDecoders.Source), null, target);
        int own = TinyEncoderDecoders.Source.Length;
        Tensor other = Row([.. Enumerable.Range(0, length).Select(i => i % 9)]);
        Tensor padded = cat([Row(TinyEncoderDecoders.Source), zeros([1, length - own], int64)], 1);

        Tensor both = network.Logits(cat([padded, other]), tensor(new long[] { own, length }), cat([target, target]));

        AssertClose(TensorMemory.ToArray<float>(alone.contiguous()).Select(v => (double)v), both[0]);
    }

    [Fact]
    public void Positions_without_a_label_are_no_part_of_the_loss()
    {
        using DisposeScope scope = NewDisposeScope();
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        double[][] logits = new ReferenceEncoderDecoder(network).Logits(TinyEncoderDecoders.Source, TinyEncoderDecoders.Target);
        long[] labels = [2, -100, 5, -100];
        double expected = new[] { 0, 2 }.Average(t => Math.Log(logits[t].Sum(Math.Exp)) - logits[t][labels[t]]);

        (Tensor loss, Tensor _) = network.Score(
            Row(TinyEncoderDecoders.Source), null, Row(TinyEncoderDecoders.Target), tensor(labels, [1, 4]));

        Assert.Equal(expected, loss.item<float>(), 1e-4);
    }

    // Long sequences go through libtorch's fused kernels.
    [Theory]
    [InlineData(12)]
    [InlineData(140)]
    public void What_distances_add_has_the_gradient_of_differences(int length)
    {
        using DisposeScope scope = NewDisposeScope();
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        Tensor source = Row([.. Enumerable.Range(0, length).Select(i => i * i % 11)]), target = Row(TinyEncoderDecoders.Target);
        Tensor labels = tensor(new long[] { 2, 7, 5, 1 }, [1, 4]);
        foreach (RelativePositionBias bias in (RelativePositionBias[])[network.Encoder.Relative, network.Decoder.Relative!])
        {
            network.zero_grad();
            Loss().backward();
            float gradient = bias.Buckets.Weight.grad![1, 2].item<float>();
            const float Step = 0.02f;
            double difference = (LossWith(Step) - LossWith(-2 * Step)) / (2 * Step);
            LossWith(Step);
            Assert.Equal(difference, gradient, 0.02 * Math.Abs(difference) + 1e-3);

            double LossWith(float change)
            {
                using IDisposable noGradient = no_grad();
                bias.Buckets.Weight[1, 2].add_(tensor(change));
                return Loss().item<float>();
            }
        }

        Tensor Loss() => network.Score(source, null, target, labels).Loss;
    }

    [Fact]
    public void Dropout_is_of_the_training_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        using var network = new SequenceToSequenceNetwork(TinyEncoderDecoders.Architecture(FeedForwardKind.Relu, isTied: true), 0.5);
        Tensor source = Row(TinyEncoderDecoders.Source), target = Row(TinyEncoderDecoders.Target);

        network.train();
        Assert.False(network.Logits(source, null, target).allclose(network.Logits(source, null, target)));
        network.eval();
        Assert.True(network.Logits(source, null, target).Equals(network.Logits(source, null, target)));
    }

    private static Tensor Row(int[] tokens) => tensor(Array.ConvertAll(tokens, t => (long)t), [1, tokens.Length]);

    private static void AssertClose(IEnumerable<double> expected, Tensor found)
    {
        double[] all = [.. expected];
        float[] values = TensorMemory.ToArray<float>(found.contiguous());
        Assert.Equal(all.Length, values.Length);
        for (int i = 0; i < all.Length; i++)
            Assert.Equal(all[i], values[i], 2e-4);
    }
}
