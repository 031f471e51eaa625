using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Text.Decoding;
using Microsoft.ML.Generative.Text.Decoding.Kernels;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class SequenceDecodingTests
{
    private static readonly int[] _longSource = [.. Enumerable.Range(0, 75).Select(i => i * i % 11)];
    private static readonly int[] _longTarget = [0, .. Enumerable.Range(0, 40).Select(i => i * 7 % 11)];

    public static TheoryData<string, FeedForwardKind, bool> Sessions => new()
    {
        { "kernels", FeedForwardKind.Relu, true },
        { "kernels", FeedForwardKind.GeGluTanh, false },
        { "torch", FeedForwardKind.Relu, true },
        { "torch", FeedForwardKind.GeGluTanh, false },
    };

    [Theory]
    [MemberData(nameof(Sessions))]
    public void Logits_are_those_of_the_papers_formulas(string kind, FeedForwardKind feedForward, bool isTied)
    {
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(feedForward, isTied);
        using IDecodingSession session = Open(kind, network, 3, 90);
        var reference = new ReferenceEncoderDecoder(network);
        double[][] expected = reference.Logits(TinyEncoderDecoders.Source, TinyEncoderDecoders.Target);
        double[][] longer = reference.Logits(_longSource, _longTarget);

        // Two streams with sources of different lengths, and one whose source is replaced.
        session.SetSource(0, StatesOf(network, TinyEncoderDecoders.Source));
        session.SetSource(2, StatesOf(network, [1, 2, 3]));
        session.SetSource(2, StatesOf(network, _longSource));
        float[] logits = new float[2 * 11];
        for (int t = 0; t < TinyEncoderDecoders.Target.Length; t++)
        {
            session.Append([0, 2], [TinyEncoderDecoders.Target[t], _longTarget[t]], logits);
            AssertClose(expected[t], logits.AsSpan(0, 11));
            AssertClose(longer[t], logits.AsSpan(11, 11));
        }

        session.Reset(2);
        session.Prefill(2, _longTarget, logits.AsSpan(0, 11));
        AssertClose(longer[^1], logits.AsSpan(0, 11));
    }

    [Theory]
    [InlineData("kernels")]
    [InlineData("torch")]
    public void A_copy_has_the_source_of_its_stream_whatever_becomes_of_that(string kind)
    {
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        using IDecodingSession session = Open(kind, network, 2, 10);
        double[][] expected = new ReferenceEncoderDecoder(network).Logits(TinyEncoderDecoders.Source, TinyEncoderDecoders.Target);
        float[] logits = new float[11];
        session.SetSource(0, StatesOf(network, TinyEncoderDecoders.Source));
        session.Prefill(0, TinyEncoderDecoders.Target.AsSpan(0, 2), logits);

        session.Copy(0, 1);
        session.SetSource(0, StatesOf(network, _longSource));
        session.Prefill(1, TinyEncoderDecoders.Target.AsSpan(2), logits);

        AssertClose(expected[^1], logits);
    }

    [Fact]
    public void Kernels_give_a_stream_the_same_logits_beside_any_others_and_with_any_threads()
    {
        using SequenceToSequenceNetwork network = TorchSeed.Initialize(3, () => new SequenceToSequenceNetwork(
            TinyEncoderDecoders.Architecture(FeedForwardKind.GeGluTanh, isTied: false) with
            {
                EmbeddingSize = 90,
                HeadSize = 30,
                FeedForwardSize = 171,
                VocabularySize = 1001,
            }));
        network.eval();
        SourceStates[] sources = [.. Enumerable.Range(1, 5).Select(i => StatesOf(network, [.. _longSource.Take(15 * i)]))];
        float[][] alone = [.. sources.Select(source =>
        {
            using var session = new KernelDecodingSession(network.Decoder, 1, 20);
            session.SetSource(0, source);
            float[] logits = new float[1001];
            for (int t = 0; t < 6; t++)
                session.Append([0], [t], logits);
            return logits;
        })];

        foreach (int threads in (int[])[1, 3])
        {
            using var session = new KernelDecodingSession(network.Decoder, 5, 20, threads);
            for (int i = 0; i < 5; i++)
                session.SetSource(i, sources[i]);
            float[] logits = new float[5 * 1001];
            for (int t = 0; t < 6; t++)
                session.Append([0, 1, 2, 3, 4], [t, t, t, t, t], logits);
            for (int i = 0; i < 5; i++)
                Assert.Equal(alone[i], logits[(i * 1001)..((i + 1) * 1001)]);
        }
    }

    [Fact]
    public void A_stream_without_a_source_is_an_error()
    {
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(FeedForwardKind.Relu, isTied: true);
        using IDecodingSession kernels = Open("kernels", network, 2, 10), tensors = Open("torch", network, 2, 10);

        Assert.Contains("Stream 1 has no source", Assert.Throws<InvalidOperationException>(
            () => kernels.Append([1], [0], new float[11])).Message);
        Assert.Contains("Stream 1 has no source", Assert.Throws<InvalidOperationException>(
            () => tensors.Append([1], [0], new float[11])).Message);
    }

    private static IDecodingSession Open(string kind, SequenceToSequenceNetwork network, int streams, int context) => kind == "torch"
        ? new TorchDecodingSession(network.Decoder, streams, context, torch.CPU)
        : new KernelDecodingSession(network.Decoder, streams, context);

    private static SourceStates StatesOf(SequenceToSequenceNetwork network, int[] source)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor tokens = torch.tensor(Array.ConvertAll(source, t => (long)t), [1, source.Length]);
        return new SourceStates(TensorMemory.ToArray<float>(network.Encode(tokens, null).States.contiguous()), source.Length);
    }

    private static void AssertClose(double[] expected, Span<float> found)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 3e-4);
    }
}
