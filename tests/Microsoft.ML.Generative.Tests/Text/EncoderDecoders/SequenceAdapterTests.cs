using Microsoft.ML.Generative.Layers.Weights;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.EncoderDecoders;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class SequenceAdapterTests : IClassFixture<SmallPairsModel>, IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly SequenceToSequenceTransformer _base;
    private readonly TemporaryFolder _folder = new();

    public SequenceAdapterTests(SmallPairsModel model) => _base = model.Model;

    public static TheoryData<WeightFormat> Formats =>
        [WeightFormat.BFloat16, WeightFormat.Int8, WeightFormat.Nf4, WeightFormat.Q8_0, WeightFormat.Q4_0];

    public void Dispose() => _folder.Dispose();

    // y = W x + s B A x (Hu et al. 2021, eq. 3), in all kinds of layers: the merged weights are computed here from A and B.
    [Fact]
    public void An_adapter_changes_the_outputs_as_its_matrices_say_and_is_merged_without_a_change()
    {
        using SequenceToSequenceTransformer tuned = Tune(_base, new LoraOptions { Name = "copy", Rank = 3, Alpha = 6 });
        Assert.Equal(["copy"], tuned.Adapters);
        Assert.Equal("copy", tuned.ActiveAdapter);
        using SequenceToSequenceTransformer plain = tuned.WithAdapter(null), merged = tuned.Merge();
        Assert.Equal(Logits(_base.Network), Logits(plain.Network));
        Assert.NotEqual(Logits(_base.Network), Logits(tuned.Network));
        AssertClose(Logits(tuned.Network), Logits(merged.Network), 1e-4);
        Assert.Null(merged.ActiveAdapter);
        Assert.Empty(merged.Adapters);

        using SequenceToSequenceNetwork expected = _base.Network.Share();
        using (no_grad())
        using (NewDisposeScope())
        {
            foreach ((string name, Layers.Adapters.LoraAdapter adapter) in tuned.Networks.Active!.Adapters)
            {
                Layers.Adapters.AdaptableModule module = expected.Adaptable.Modules.Single(m => m.Name == name);
                Tensor change = adapter.B.mm(adapter.A) * (6.0 / 3); // [outputs, inputs]
                Tensor weight = module.Layer.StoredWeight!.detach().clone();
                (module.Part is { } part ? weight.narrow(0, part.Start, part.Outputs) : weight).add_(change);
                ModuleWeights.Share(weight.DetachFromDisposeScope(), module.Layer.StoredWeight);
            }
        }

        AssertClose(Logits(expected), Logits(tuned.Network), 1e-4);
        // Each linear layer has one: queries, keys, values and outputs of 2 + 2 × 2 attentions, and 3 of each feed-forward block.
        int blocks = _base.Architecture.Layers, modules = blocks * (4 + 3) + blocks * (8 + 3);
        Assert.Equal(modules, tuned.Networks.Active!.Adapters.Count);
        Assert.Equal(tuned.Networks.Active.parameters().Sum(p => p.numel()), tuned.CountAdapterParameters());
    }

    [Fact]
    public void Kernels_and_tensors_write_the_same_text_with_an_adapter_and_the_file_keeps_it()
    {
        using SequenceToSequenceTransformer tuned = Tune(_base, new LoraOptions { Name = "copy", Rank = 4, UseDora = true }, steps: 60);
        using SequenceToSequenceTransformer merged = tuned.Merge();
        string[] sources = ["abca", "cdabd", "b"];
        Assert.Equal(merged.Generate(sources), tuned.Generate(sources));
        _ml.Model.Save(tuned, null, _folder.File("model.zip"));
        using var loaded = (SequenceToSequenceTransformer)_ml.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal("copy", loaded.ActiveAdapter);
        Assert.Equal(Logits(tuned.Network), Logits(loaded.Network));
        using SequenceToSequenceTransformer plain = loaded.WithAdapter(null);
        Assert.Equal(Logits(_base.Network), Logits(plain.Network));

        // transformers reads it merged.
        tuned.SavePretrained(_folder.File("folder"));
        using SequenceToSequenceTransformer again = _ml.Generative().LoadPretrainedSequenceToSequence(_folder.File("folder"));
        Assert.Equal(Logits(merged.Network), Logits(again.Network));
    }

    [Fact]
    public void Adapters_are_added_combined_and_named_in_errors()
    {
        using SequenceToSequenceTransformer one = Tune(_base, new LoraOptions { Name = "one", Rank = 2, TargetModules = ["q", "v"] });
        using SequenceToSequenceTransformer two =
            Tune(_base, new LoraOptions { Name = "two", Rank = 2, TargetModules = ["q", "v"] }, seed: 9);
        using SequenceToSequenceTransformer both = one.AddAdapter("two", two);
        Assert.Equal(["one", "two"], both.Adapters);
        Assert.Equal("two", both.ActiveAdapter);
        Assert.Equal(Logits(two.Network), Logits(both.Network));
        using SequenceToSequenceTransformer half =
            both.CombineAdapters("half", new Dictionary<string, double> { ["one"] = 1, ["two"] = 0 });
        AssertClose(Logits(one.Network), Logits(half.Network), 1e-4);
        Assert.Contains("'three'; it has 'one', 'two'", Assert.Throws<ArgumentException>(() => both.WithAdapter("three")).Message);
        Assert.Contains("'one' already", Assert.Throws<ArgumentException>(() => both.AddAdapter("one", two)).Message);
        // The output layer is tied to the embedding.
        Assert.Contains("'lm_head'", Assert.Throws<ArgumentException>(
            () => Tune(_base, new LoraOptions { TargetModules = ["lm_head"] })).Message);
        Assert.Contains("BaseModel", Assert.Throws<ArgumentException>(
            () => Tune(null, new LoraOptions())).Message);
    }

    [Fact]
    public void A_model_saves_and_loads_its_adapter()
    {
        using SequenceToSequenceTransformer tuned = Tune(_base, new LoraOptions { Rank = 2, TargetModules = ["q", "v"] });
        tuned.SaveAdapter(_folder.Path);
        Assert.Equal(
            ["adapter_config.json", "adapter_model.safetensors"],
            Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using SequenceToSequenceTransformer loaded = _base.LoadAdapter(_folder.Path, "again");
        Assert.Equal("again", loaded.ActiveAdapter);
        Assert.Equal(Logits(tuned.Network), Logits(loaded.Network));
        using SequenceToSequenceTransformer quantized = _base.Quantize(WeightFormat.Int8), over = quantized.LoadAdapter(_folder.Path);
        Assert.Equal(WeightFormat.Int8, over.WeightFormat);
        Assert.NotEqual(Logits(quantized.Network), Logits(over.Network));
        Assert.Contains("uses no adapter", Assert.Throws<InvalidOperationException>(() => _base.SaveAdapter(_folder.Path)).Message);
        Assert.Contains("'again' already", Assert.Throws<ArgumentException>(() => loaded.LoadAdapter(_folder.Path, "again")).Message);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_quantized_model_computes_with_the_floats_that_it_gives_back(WeightFormat format)
    {
        using SequenceToSequenceTransformer quantized = _base.Quantize(format), floats = quantized.Quantize(WeightFormat.Float32);
        Assert.Equal((format, WeightFormat.Float32), (quantized.WeightFormat, floats.WeightFormat));
        AssertClose(Logits(floats.Network), Logits(quantized.Network), 1e-3);
        Assert.NotEqual(Logits(_base.Network), Logits(quantized.Network));
        Assert.Equal(floats.Generate("cdabd"), quantized.Generate("cdabd"));
        _ml.Model.Save(quantized, null, _folder.File("model.zip"));
        using var loaded = (SequenceToSequenceTransformer)_ml.Model.Load(_folder.File("model.zip"), out _);
        Assert.Equal(format, loaded.WeightFormat);
        Assert.Equal(Logits(quantized.Network), Logits(loaded.Network));
        Assert.All(
            loaded.Network.Quantizable.Where(q => q.Layer is Layers.Linear), q => Assert.IsAssignableFrom<QuantizedWeight>(q.Weight));
        Assert.Throws<NotSupportedException>(() => quantized.SavePretrained(_folder.File("none")));
        Assert.False(Directory.Exists(_folder.File("none")));

        // QLoRA.
        using SequenceToSequenceTransformer tuned = Tune(quantized, new LoraOptions { Rank = 2 });
        Assert.Equal(format, tuned.WeightFormat);
        using SequenceToSequenceTransformer merged = tuned.Merge();
        Assert.Equal(WeightFormat.Float32, merged.WeightFormat);
        AssertClose(Logits(tuned.Network), Logits(merged.Network), 1e-3);
        Assert.Contains("set Adapter", Assert.Throws<ArgumentException>(() => Tune(quantized, null)).Message);
    }

    [Theory]
    [InlineData(FeedForwardKind.Relu, true)]
    [InlineData(FeedForwardKind.GeGluTanh, false)]
    public void Gradients_are_the_same_when_blocks_are_computed_twice(FeedForwardKind feedForward, bool isTied)
    {
        using DisposeScope scope = NewDisposeScope();
        using SequenceToSequenceNetwork plain = TinyEncoderDecoders.Create(feedForward, isTied);
        using SequenceToSequenceNetwork recomputed = SequenceToSequenceCopies.Share(plain, usesRecompute: true);
        long[] own = [.. TinyEncoderDecoders.Source.Concat(TinyEncoderDecoders.Source.Reverse()).Select(token => (long)token)];
        Tensor sources = tensor(own, [2, 12]);
        Tensor lengths = tensor([12L, 7L]), targets = tensor(new long[] { 0, 2, 7, 5, 0, 1, 3, 4 }, [2, 4]);
        Dictionary<string, float[]> expected = GradientsOf(plain), found = GradientsOf(recomputed);
        Assert.Equal(expected.Keys, found.Keys);
        foreach ((string name, float[] gradients) in expected)
        {
            double largest = gradients.Max(Math.Abs);
            Assert.True(largest > 0, name);
            AssertClose(gradients, found[name], 1e-5 * (1 + largest));
        }

        Dictionary<string, float[]> GradientsOf(SequenceToSequenceNetwork network)
        {
            network.train();
            foreach (TorchSharp.Modules.Parameter parameter in network.parameters())
                parameter.requires_grad = true;
            network.Score(sources, lengths, targets, targets.roll(-1, 1)).Loss.backward();
            return network.named_parameters().ToDictionary(p => p.name, p => p.parameter.grad!.data<float>().ToArray());
        }
    }

    [Fact]
    public void Checkpointing_of_gradients_changes_nothing_but_memory()
    {
        AssertClose(Weights(false), Weights(true), 1e-5);

        float[] Weights(bool checkpointing)
        {
            SequenceToSequenceOptions options = TinyPairs.Options();
            (options.GradientCheckpointing, options.MaxSteps, options.Dropout, options.Seed) = (checkpointing, 3, 0.2, 4);
            using SequenceToSequenceTransformer model = _ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(_ml));
            return [.. model.Network.parameters().SelectMany(p => p.data<float>().ToArray())];
        }
    }

    private SequenceToSequenceTransformer Tune(SequenceToSequenceTransformer? model, LoraOptions? adapter, int steps = 4, int seed = 5) =>
        _ml.Transforms.Generative().SequenceToSequence(new SequenceToSequenceOptions
        {
            TargetColumnName = "Text2",
            BaseModel = model,
            Adapter = adapter,
            MaxSteps = steps,
            Seed = seed,
            Threads = 1,
            Precision = ComputePrecision.Float32,
        }).Fit(_ml.Data.LoadFromEnumerable(
            new[] { "abca", "dd", "cab", "bcd", "ad" }.Select(text => new { Text = text, Text2 = text[..1] }).ToArray()));

    private static float[] Logits(SequenceToSequenceNetwork network)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable noGradient = no_grad();
        Tensor source = tensor(new long[] { 1, 2, 3, 1, 0 }, [1, 5]), target = tensor(new long[] { 0, 2, 1, 3 }, [1, 4]);
        return network.Logits(source, null, target).data<float>().ToArray();
    }

    private static void AssertClose(float[] expected, float[] found, double tolerance) =>
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -tolerance, tolerance));
}

/// <summary>A model of <see cref="TinyPairs"/> that has learned a little, of sizes that formats with blocks of 32 can hold.</summary>
public sealed class SmallPairsModel : IDisposable
{
    public SmallPairsModel()
    {
        var ml = new MLContext(seed: 1);
        SequenceToSequenceOptions options = TinyPairs.Options();
        options.Architecture = options.Architecture with { EmbeddingSize = 32, FeedForwardSize = 64, Layers = 2 };
        (options.MaxSteps, options.LearningRate, options.Seed) = (40, 0.01, 3);
        Model = ml.Transforms.Generative().SequenceToSequence(options).Fit(TinyPairs.Data(ml));
    }

    public SequenceToSequenceTransformer Model { get; }

    public void Dispose() => Model.Dispose();
}
