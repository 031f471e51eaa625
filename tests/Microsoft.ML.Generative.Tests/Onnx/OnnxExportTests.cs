using Microsoft.ML.Data;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Onnx.Graph;
using Microsoft.ML.Generative.Onnx.Models;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>ONNX Runtime computes what the models do.</summary>
public sealed class OnnxExportTests : IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Forms => [.. UNetNetworkTests.FormsByName.Keys];

    private string Path => _folder.File("model.onnx");

    [Theory]
    [InlineData(ImageClassifierNetworkKind.Residual, ImageClassifierNormalization.Batch)]
    [InlineData(ImageClassifierNetworkKind.Residual, ImageClassifierNormalization.Group)]
    [InlineData(ImageClassifierNetworkKind.Plain, ImageClassifierNormalization.Batch)]
    public void A_classifier_gives_the_same_scores_and_features(
        ImageClassifierNetworkKind network, ImageClassifierNormalization normalization)
    {
        IDataView data = Images(12);
        using ImageClassifierTransformer model = _ml.Transforms.Generative().ImageClassifier(new ImageClassifierOptions
        {
            InputColumnName = "Image",
            FeaturesColumnName = "Features",
            Network = network,
            Normalization = normalization,
            BaseChannels = 4,
            MaxSteps = 4,
            Seed = 1,
        }).Fit(data);
        model.ExportOnnx(Path);
        Dictionary<string, (float[] Values, long[] Shape)> found = OnnxRun.Of(Path, ("Image", Tensor(data, "Image", 1, 16, 16)));
        IDataView expected = model.Transform(data);
        Assert.InRange(OnnxRun.Difference(found["Score"], Tensor(expected, "Score", 3)), 0, Tolerance);
        Assert.InRange(OnnxRun.Difference(found["Features"], Tensor(expected, "Features", model.FeatureSize)), 0, Tolerance);

        using var session = new InferenceSession(Path);
        Assert.Equal("""["dark","mid","light"]""", session.ModelMetadata.CustomMetadataMap[OnnxClasses.NamesKey]);
    }

    [Theory]
    [InlineData(VaeNetworkKind.Mlp, false)]
    [InlineData(VaeNetworkKind.Mlp, true)]
    [InlineData(VaeNetworkKind.Convolutional, true)]
    public void Both_halves_of_a_VAE_compute_the_same(VaeNetworkKind network, bool hasLabels)
    {
        // Sizes that are no multiples of the strides.
        (int height, int width) = (11, 14);
        IDataView data = Images(6, height, width);
        using VaeTransformer model = _ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            LabelColumnName = hasLabels ? "Label" : null,
            Network = network,
            HiddenSizes = [12],
            ConvolutionChannels = [3, 5],
            LatentSize = 3,
            MaxSteps = 3,
            Seed = 1,
        }).Fit(data);
        (string, Tensor)[] labels = hasLabels ? [("Label", Labels(6))] : [];
        model.ExportEncoderOnnx(Path);
        Dictionary<string, (float[] Values, long[] Shape)> encoded =
            OnnxRun.Of(Path, [("Image", Tensor(data, "Image", 1, height, width)), .. labels]);
        IDataView expected = model.Transform(data);
        Tensor latent = Tensor(expected, "Latent", 3);
        Assert.InRange(OnnxRun.Difference(encoded["Latent"], latent), 0, Tolerance);
        using (no_grad())
        {
            Tensor logVariance = model.Network.Encode(Tensor(data, "Image", 1, height, width), hasLabels ? Labels(6) : null).LogVariance;
            Assert.InRange(OnnxRun.Difference(encoded[VaeGraph.LogVarianceName], logVariance), 0, Tolerance);
        }

        model.ExportDecoderOnnx(Path);
        Dictionary<string, (float[] Values, long[] Shape)> decoded = OnnxRun.Of(Path, [("Latent", latent), .. labels]);
        Assert.InRange(OnnxRun.Difference(decoded["Reconstruction"], Tensor(expected, "Reconstruction", 1, height, width)), 0, Tolerance);
    }

    [Theory]
    [InlineData(GanNetworkKind.Mlp, null)]
    [InlineData(GanNetworkKind.Mlp, GanGeneratorConditioning.Concatenation)]
    [InlineData(GanNetworkKind.Dcgan, null)]
    [InlineData(GanNetworkKind.Dcgan, GanGeneratorConditioning.BatchNormalization)]
    [InlineData(GanNetworkKind.Residual, GanGeneratorConditioning.BatchNormalization)]
    [InlineData(GanNetworkKind.Residual, GanGeneratorConditioning.Concatenation)]
    public void A_generator_draws_the_same_images(GanNetworkKind network, GanGeneratorConditioning? conditioning)
    {
        var options = new GanOptions
        {
            InputColumnName = "Image",
            LabelColumnName = conditioning is null ? null : "Label",
            Network = network,
            LatentSize = 5,
            MaxSteps = 2,
            Seed = 1,
        };
        if (conditioning is { } way)
            options.GeneratorConditioning = way;
        if (network == GanNetworkKind.Mlp)
            options.HiddenSizes = [8];
        else
            options.BaseChannels = 4;
        using GanTransformer model = _ml.Transforms.Generative().Gan(options).Fit(Images(8));
        model.ExportOnnx(Path);
        (float[] Z, int Label)[] drawn = [.. Enumerable.Range(0, 4).Select(i => (model.SampleLatent(i), i % 3))];
        Tensor z = tensor(drawn.SelectMany(d => d.Z).ToArray(), [4, 5]);
        (string, Tensor)[] labels = conditioning is null ? [] : [("Label", tensor(drawn.Select(d => (long)d.Label).ToArray()))];
        float[] expected = [.. drawn.SelectMany(d => model.Decode(d.Z, conditioning is null ? null : d.Label))];
        (float[] Values, long[] Shape) found = OnnxRun.Of(Path, [(GeneratorGraph.LatentName, z), .. labels])["Generated"];
        Assert.InRange(OnnxRun.Difference(found, tensor(expected, [4, 1, 16, 16])), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_form_of_U_Net_predicts_the_same(string form) => AssertUNet(UNetNetworkTests.FormsByName[form]);

    [Fact]
    public void A_U_Net_looks_at_the_vectors_of_a_class() =>
        AssertUNet(UNetNetworkTests.Tiny with { ClassCount = 2, ContextTokens = 3 });

    [Fact]
    public void Weights_beyond_the_limit_of_one_file_stand_beside_it()
    {
        using UNetNetwork network = RandomNetworks.Create(() => new UNetNetwork(UNetNetworkTests.Tiny));
        OnnxGraph graph = UNetGraph.Of(network, new ImageShape(2, 16, 16), []);
        OnnxModelFile.Write(Path, graph);
        byte[] whole = File.ReadAllBytes(Path);
        (string, Tensor)[] inputs = [(UNetGraph.SampleName, randn(1, 2, 16, 16)), (UNetGraph.TimestepName, tensor([7f]))];
        float[] expected = OnnxRun.Of(Path, inputs)[UNetGraph.OutputName].Values;

        OnnxModelFile.Write(Path, graph, mostBytesInside: 1000);
        Assert.InRange(new FileInfo(Path + ".data").Length, whole.Length / 4, graph.Tensors.Sum(t => t.Bytes));
        Assert.Equal(whole.Length - new FileInfo(Path + ".data").Length, new FileInfo(Path).Length, whole.Length / 5.0);
        Assert.Equal(expected, OnnxRun.Of(Path, inputs)[UNetGraph.OutputName].Values);
    }

    [Fact]
    public void An_adapter_that_is_not_merged_is_refused_by_name()
    {
        DiffusionOptions Options() => new() { InputColumnName = "Image", MaxSteps = 1, Seed = 1 };
        DiffusionOptions small = Options();
        (small.BlockChannels, small.AttentionLevels, small.AttentionHeadSize) = ([8, 8], [1], 4);
        using DiffusionTransformer trained = _ml.Transforms.Generative().Diffusion(small).Fit(Images(4));
        DiffusionOptions adapted = Options();
        (adapted.BaseModel, adapted.Adapter) = (trained, new LoraOptions { Rank = 2 });
        using DiffusionTransformer model = _ml.Transforms.Generative().Diffusion(adapted).Fit(Images(4));
        string message = Assert.Throws<NotSupportedException>(() => model.ExportOnnx(Path)).Message;
        Assert.Contains("has an adapter; ONNX files hold dense weights without adapters only", message);
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void A_disposed_model_and_a_missing_folder_are_errors()
    {
        VaeTransformer model = _ml.Transforms.Generative().Vae(new VaeOptions
        {
            InputColumnName = "Image",
            HiddenSizes = [4],
            LatentSize = 2,
            MaxSteps = 1,
        }).Fit(Images(4));
        Assert.ThrowsAny<IOException>(() => model.ExportDecoderOnnx(_folder.File(System.IO.Path.Combine("none", "decoder.onnx"))));
        Assert.Throws<ArgumentException>(() => model.ExportDecoderOnnx(" "));
        model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.ExportDecoderOnnx(Path));
    }

    public void Dispose() => _folder.Dispose();

    private void AssertUNet(UNetArchitecture config)
    {
        using UNetNetwork network = RandomNetworks.Create(() => new UNetNetwork(config));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        OnnxModelFile.Write(Path, UNetGraph.Of(network, new ImageShape(config.InChannels, 16, 12), []));
        Tensor x = randn(2, config.InChannels, 16, 12), time = tensor([3f, 999]);
        Tensor? labels = config.ClassCount > 0 ? tensor([1L, 0]) : null;
        (string, Tensor)[] classes = labels is null ? [] : [(UNetGraph.LabelsName, labels)];
        Dictionary<string, (float[] Values, long[] Shape)> found =
            OnnxRun.Of(Path, [(UNetGraph.SampleName, x), (UNetGraph.TimestepName, time), .. classes]);
        Tensor expected = network.Forward(x, time, new ConditionValues(labels));
        Assert.InRange(OnnxRun.Difference(found[UNetGraph.OutputName], expected), 0, Tolerance * expected.abs().max().item<float>());
    }

    private IDataView Images(int count, int height = 16, int width = 16)
    {
        string[] names = ["dark", "mid", "light"];
        var random = new Random(3);
        Row[] rows = [.. Enumerable.Range(0, count).Select(i => new Row
        {
            Image = [.. Enumerable.Range(0, height * width).Select(_ => (float)(random.NextDouble() + i % 3) / 3)],
            Name = names[i % 3],
        })];
        var schema = SchemaDefinition.Create(typeof(Row));
        schema["Image"].ColumnType = new VectorDataViewType(NumberDataViewType.Single, 1, height, width);
        IDataView keys = _ml.Data.LoadFromEnumerable(names.Select(name => new Key { Name = name }));
        return _ml.Transforms.Conversion.MapValueToKey("Label", "Name", keyData: keys).Fit(_ml.Data.LoadFromEnumerable(rows, schema))
            .Transform(_ml.Data.LoadFromEnumerable(rows, schema));
    }

    private static Tensor Labels(int count) => tensor(Enumerable.Range(0, count).Select(i => (long)(i % 3)).ToArray());

    private static Tensor Tensor(IDataView data, string column, params long[] row)
    {
        float[] values = [.. data.GetColumn<float[]>(column).SelectMany(v => v)];
        return tensor(values, [values.Length / row.Aggregate((a, b) => a * b), .. row]);
    }

    private sealed class Key
    {
        public string Name { get; set; } = "";
    }

    private sealed class Row
    {
        [VectorType(1)]
        public float[] Image { get; set; } = [];

        public string Name { get; set; } = "";
    }
}
