using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Onnx.Models;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>ONNX Runtime computes what both halves of T5 do.</summary>
public sealed class OnnxSequenceToSequenceTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(FeedForwardKind.Relu, true)]
    [InlineData(FeedForwardKind.GeGluTanh, false)]
    public void Logits_are_the_same_with_padding_and_beyond_the_longest_distance(FeedForwardKind feedForward, bool isTied)
    {
        using SequenceToSequenceNetwork network = TinyEncoderDecoders.Create(feedForward, isTied);
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        string encoder = _folder.File(TextModelFolder.EncoderName), decoder = _folder.File(TextModelFolder.DecoderName);
        OnnxModelFile.Write(encoder, SequenceToSequenceGraph.Encoder(network));
        OnnxModelFile.Write(decoder, SequenceToSequenceGraph.Decoder(network));
        // Distances share a bucket from 9 on.
        Tensor sources = randint(0, 11, [2, 14], ScalarType.Int64), targets = randint(0, 11, [2, 13], ScalarType.Int64);
        Tensor lengths = tensor([14L, 6L]);
        Tensor mask = (arange(14, ScalarType.Int64).unsqueeze(0) < lengths.unsqueeze(1)).to(ScalarType.Int64);
        Tensor expected = network.Logits(sources, lengths, targets);

        (float[] states, long[] shape) = OnnxRun.Of(
            encoder, (SequenceToSequenceGraph.TokensName, sources), (SequenceToSequenceGraph.MaskName, mask))[
            SequenceToSequenceGraph.StatesName];
        (float[] Values, long[] Shape) found = OnnxRun.Of(
            decoder, (SequenceToSequenceGraph.TokensName, targets), (SequenceToSequenceGraph.SourceMaskName, mask),
            (SequenceToSequenceGraph.SourceStatesName, tensor(states, shape)))[SequenceToSequenceGraph.LogitsName];
        Assert.InRange(OnnxRun.Difference(found, expected), 0, Tolerance * (1 + expected.abs().max().ToDouble()));
    }

    [Fact]
    public void A_folder_has_both_networks_and_the_tokenizer_and_adapters_are_merged_first()
    {
        var ml = new MLContext(seed: 1);
        using SequenceToSequenceTransformer model =
            ml.Transforms.Generative().SequenceToSequence(TinyPairs.Options()).Fit(TinyPairs.Data(ml));
        string folder = _folder.File("exported");
        model.ExportOnnx(folder);
        foreach (string name in (string[])[TextModelFolder.EncoderName, TextModelFolder.DecoderName, "tokenizer.json"])
            Assert.True(File.Exists(System.IO.Path.Combine(folder, name)), name);

        using SequenceToSequenceTransformer quantized = model.Quantize(WeightFormat.Int8);
        string other = _folder.File("other");
        Assert.Contains("ONNX files hold dense weights", Assert.Throws<NotSupportedException>(() => quantized.ExportOnnx(other)).Message);
        Assert.False(Directory.Exists(other));
    }

    public void Dispose() => _folder.Dispose();
}
