using System.IO.Compression;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.LanguageModels;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class AdapterTrainingTests : IDisposable
{
    private readonly MLContext _ml = new(seed: 1);
    private readonly LanguageModelTransformer _base;

    public AdapterTrainingTests() => _base = Fit(Options());

    public static TheoryData<LoraInitialization, bool> Kinds
    {
        get
        {
            var all = new TheoryData<LoraInitialization, bool>();
            foreach (LoraInitialization kind in Enum.GetValues<LoraInitialization>())
            {
                all.Add(kind, false);
                all.Add(kind, true);
            }

            return all;
        }
    }

    public void Dispose() => _base.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Training_changes_the_adapter_and_nothing_else(LoraInitialization kind, bool usesDora)
    {
        byte[][] before = Bytes(_base.Network);
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions { Rank = 4, Initialization = kind, UseDora = usesDora }));
        Assert.Equal(before, Bytes(_base.Network));
        Assert.Equal(before, Bytes(tuned.Networks.Base));
        Assert.Equal(["default"], tuned.Adapters);
        Assert.Equal("default", tuned.ActiveAdapter);
        Assert.Null(_base.ActiveAdapter);
        Assert.All(tuned.Networks.Active!.Adapters, a => Assert.True(a.Adapter.Delta().abs().max().item<float>() > 1e-4, a.Name));
        bool isWide = kind is LoraInitialization.Pissa or LoraInitialization.Olora;
        Assert.All(tuned.Networks.Active.Adapters, a => Assert.Equal(isWide ? 8 : 4, a.Adapter.Rank));

        // Without the adapter, the base exactly; merged, the adapted model.
        using LanguageModelTransformer plain = tuned.WithAdapter(null), merged = tuned.Merge();
        Assert.Equal(Logits(_base), Logits(plain));
        Assert.NotEqual(Logits(_base), Logits(tuned));
        AssertClose(Logits(tuned), Logits(merged), 1e-4);
        Assert.Empty(merged.Adapters);
        Assert.Equal(before, Bytes(_base.Network));
    }

    [Fact]
    public void The_base_is_shared_in_memory_and_may_be_disposed_of()
    {
        LanguageModelTransformer model = Fit(Options());
        double[][] plain = Logits(model);
        LanguageModelOptions options = Tuning(new LoraOptions { TargetModules = ["query", "value"] });
        options.BaseModel = model;
        using LanguageModelTransformer tuned = Fit(options);
        foreach ((torch.Tensor own, torch.Tensor shared) in model.Network.parameters().Zip(tuned.Networks.Base.parameters()))
            Assert.Equal(Address(own), Address(shared));
        Assert.Equal(Address(model.Network.Tokens.Weight), Address(tuned.Network.Tokens.Weight));
        model.Dispose();
        using LanguageModelTransformer without = tuned.WithAdapter(null);
        tuned.Dispose();
        Assert.Equal(plain, Logits(without));
        Assert.Throws<ObjectDisposedException>(() => tuned.WithAdapter(null));
    }

    [Fact]
    public void The_same_seed_trains_the_same_adapter()
    {
        LoraOptions lora = new() { Rank = 2, Dropout = 0.2, UseDora = true };
        using LanguageModelTransformer first = Fit(Tuning(lora)), second = Fit(Tuning(lora));
        Assert.Equal(Bytes(first.Networks.Active!), Bytes(second.Networks.Active!));
        LanguageModelOptions other = Tuning(lora);
        other.Seed = 8;
        using LanguageModelTransformer third = Fit(other);
        Assert.NotEqual(Bytes(first.Networks.Active!), Bytes(third.Networks.Active!));
    }

    [Theory]
    [InlineData(LoraInitialization.Default, false)]
    [InlineData(LoraInitialization.Pissa, true)]
    public void A_training_that_is_interrupted_resumes_exactly_and_its_checkpoints_lack_the_base(LoraInitialization kind, bool usesDora)
    {
        using var folder = new TemporaryFolder();
        LoraOptions lora = new()
        {
            Rank = 2,
            Dropout = 0.1,
            Initialization = kind,
            UseDora = usesDora,
            Bias = LoraBias.All,
            ModulesToSave = ["norm"],
        };
        LanguageModelOptions options = Tuning(lora);
        (options.EmaDecay, options.ValidationFraction, options.GradientAccumulationSteps) = (0.9, 0.2, 2);
        using LanguageModelTransformer whole = Fit(options);
        options.Checkpoints = new CheckpointOptions(folder.Path) { Steps = 3 };
        using var source = new CancellationTokenSource();
        options.CancellationToken = source.Token;
        options.Progress = new Reports { OnReport = _ => source.Cancel() };
        Assert.ThrowsAny<OperationCanceledException>(() => Fit(options));
        long learned = whole.Networks.Active!.parameters().Sum(p => p.numel());
        Assert.InRange(new FileInfo(Directory.GetFiles(folder.Path, "*.checkpoint")[0]).Length, 0, learned * 4 * 5 + 20_000);

        options.CancellationToken = default;
        options.Progress = null;
        using LanguageModelTransformer resumed = Fit(options);
        Assert.Equal(Bytes(whole.Networks.Active), Bytes(resumed.Networks.Active!));

        // Another base.
        options.BaseModel = Fit(Options(o => o.Seed = 99));
        Assert.Contains("frozen weights", Assert.Throws<InvalidOperationException>(() => Fit(options)).Message);
        options.BaseModel.Dispose();
    }

    [Fact]
    public void Adapters_learn_under_gradient_checkpointing_as_without()
    {
        LoraOptions lora = new() { Rank = 2, TargetModules = ["value", "down"] };
        LanguageModelOptions recomputed = Tuning(lora);
        recomputed.GradientCheckpointing = true;
        using LanguageModelTransformer first = Fit(Tuning(lora)), second = Fit(recomputed);
        AssertClose(Logits(first), Logits(second), 1e-4);
        Assert.True(second.Networks.Active!.Adapters.All(a => a.Adapter.B.abs().max().item<float>() > 0));
    }

    [Fact]
    public void A_saved_model_has_the_base_and_each_adapter_as_a_component()
    {
        using var folder = new TemporaryFolder();
        string file = folder.File("model.zip");
        LoraOptions lora = new()
        {
            Name = "poet",
            Rank = 2,
            UseRsLora = true,
            UseDora = true,
            Bias = LoraBias.LoraOnly,
            ModulesToSave = ["tokens"],
            RankPattern = { ["value"] = 3 },
        };
        using LanguageModelTransformer tuned = Fit(Tuning(lora));
        using LanguageModelTransformer other = Fit(Tuning(new LoraOptions { Rank = 1, TargetModules = ["up"] }));
        using LanguageModelTransformer both = tuned.AddAdapter("second", other);
        _ml.Model.Save(both, TinyText.Data(_ml).Schema, file);
        using (ZipArchive archive = ZipFile.OpenRead(file))
            Assert.Equal(
                ["adapter-1.safetensors", "adapter-2.safetensors", "decoder.safetensors"],
                archive.Entries.Select(e => e.Name).Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal))
                    .Order(StringComparer.Ordinal));

        using var loaded = (LanguageModelTransformer)_ml.Model.Load(file, out _);
        Assert.Equal(["poet", "second"], loaded.Adapters);
        Assert.Equal("second", loaded.ActiveAdapter);
        Assert.Equal(Logits(both), Logits(loaded));
        using LanguageModelTransformer poet = loaded.WithAdapter("poet"), plain = loaded.WithAdapter(null);
        Assert.Equal(Logits(tuned), Logits(poet));
        Assert.Equal(Logits(_base), Logits(plain));
        Assert.Equal(tuned.Networks.Active!.Shape.Modules, poet.Networks.Active!.Shape.Modules);

        // What was trained as a whole stays in a merged model.
        using LanguageModelTransformer merged = poet.Merge();
        AssertClose(Logits(tuned), Logits(merged), 1e-4);
    }

    [Fact]
    public void An_output_layer_with_an_adapter_is_untied_when_it_is_merged()
    {
        Assert.True(_base.Architecture.TieEmbeddings);
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions { TargetModules = ["head", "query"] })), merged = tuned.Merge();
        Assert.False(merged.Architecture.TieEmbeddings);
        AssertClose(Logits(tuned), Logits(merged), 1e-4);
        Assert.Equal(Address(_base.Network.Tokens.Weight), Address(merged.Network.Tokens.Weight));
    }

    [Fact]
    public void A_token_embedding_with_an_adapter_leaves_a_tied_output_layer_as_it_is()
    {
        Assert.True(_base.Architecture.TieEmbeddings);
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions { Rank = 4, TargetModules = ["tokens", "value"] }));
        Assert.NotEqual(Logits(_base), Logits(tuned));
        Assert.Equal(Bytes(_base.Network), Bytes(tuned.Networks.Base));
        using LanguageModelTransformer merged = tuned.Merge();
        Assert.False(merged.Architecture.TieEmbeddings);
        AssertClose(Logits(tuned), Logits(merged), 1e-4);
        Assert.Equal(Address(_base.Network.Tokens.Weight), Address(merged.Network.Head.Weight.Plain!));

        // In the kernels or beside them: the same text.
        var greedy = new TextGenerationOptions { Temperature = 0, MaxTokens = 8 };
        Assert.Equal(merged.Generate("the cat", greedy), tuned.Generate("the cat", greedy));
    }

    [Fact]
    public void Only_the_biases_of_the_targets_learn_where_the_options_say_so()
    {
        LanguageModelOptions options = Options();
        options.Architecture = LanguageModelArchitecture.GptNano with
        {
            Layers = 1,
            Heads = 2,
            EmbeddingSize = 16,
            ContextLength = 24,
            HasBias = true,
            HasQueryKeyValueBias = true,
        };
        using LanguageModelTransformer model = Fit(options);
        LanguageModelOptions tuning = Tuning(new LoraOptions { Rank = 2, TargetModules = ["query", "up"], Bias = LoraBias.LoraOnly });
        tuning.BaseModel = model;
        using LanguageModelTransformer tuned = Fit(tuning);
        TransformerBlock own = tuned.Network.Blocks[0], before = model.Network.Blocks[0];
        torch.Tensor change = (own.QueriesKeysValues.Bias! - before.QueriesKeysValues.Bias!).abs();
        Assert.True(change.narrow(0, 0, 16).min().item<float>() > 0);
        Assert.Equal(0, change.narrow(0, 16, 32).max().item<float>());
        Assert.False(own.FeedForwardIn.Bias!.allclose(before.FeedForwardIn.Bias!, 0, 0));
        Assert.True(own.FeedForwardOut.Bias!.allclose(before.FeedForwardOut.Bias!, 0, 0));
        Assert.True(own.AttentionNorm.Bias!.allclose(before.AttentionNorm.Bias!, 0, 0));
    }

    [Fact]
    public void A_damaged_parameter_that_is_saved_as_a_whole_is_not_merged()
    {
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions { Name = "poet", Rank = 2, ModulesToSave = ["norm"] }));
        using (torch.no_grad())
            tuned.Networks.Active!.Tensors.First().Parameter[0] = float.NaN;
        string message = Assert.Throws<InvalidOperationException>(tuned.Merge).Message;
        Assert.Contains("'poet'", message);
        Assert.Contains("norm.weight", message);
    }

    [Fact]
    public void A_damaged_adapter_is_not_merged_and_nothing_changes()
    {
        byte[][] before = Bytes(_base.Network);
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions { Rank = 2, TargetModules = ["value", "down"] }));
        using (torch.no_grad())
            tuned.Networks.Active!.Adapters[^1].Adapter.A.fill_(float.NaN);
        Assert.Contains("not finite", Assert.Throws<InvalidOperationException>(tuned.Merge).Message);
        Assert.Equal(before, Bytes(_base.Network));
        using LanguageModelTransformer plain = tuned.WithAdapter(null);
        Assert.Equal(Logits(_base), Logits(plain));
    }

    [Fact]
    public void An_adapter_is_trained_further()
    {
        LoraOptions lora = new() { Rank = 2, TargetModules = ["value"] };
        using LanguageModelTransformer tuned = Fit(Tuning(lora));
        byte[][] before = Bytes(tuned.Networks.Active!);
        LanguageModelOptions further = Tuning(null);
        further.BaseModel = tuned;
        Assert.Equal(0.01, further.LearningRate);
        using LanguageModelTransformer again = Fit(further);
        Assert.Equal(["default"], again.Adapters);
        Assert.Equal(before, Bytes(tuned.Networks.Active!));
        Assert.NotEqual(before, Bytes(again.Networks.Active!));
        Assert.Equal(Bytes(_base.Network), Bytes(again.Networks.Base));
    }

    [Fact]
    public void Adapters_are_combined_by_weights()
    {
        using LanguageModelTransformer first = Fit(Tuning(new LoraOptions { Name = "a", Rank = 2, TargetModules = ["query", "down"] }));
        LanguageModelOptions options = Tuning(new LoraOptions { Name = "b", Rank = 2, Alpha = 3, TargetModules = ["query", "up"] });
        options.Seed = 21;
        using LanguageModelTransformer second = Fit(options), both = first.AddAdapter("b", second);
        foreach (LoraCombination kind in Enum.GetValues<LoraCombination>())
        {
            // One alone: the adapter, at any weight.
            using LanguageModelTransformer alone = both.CombineAdapters("c", new Dictionary<string, double> { ["a"] = 1 }, kind);
            AssertClose(Logits(first), Logits(alone), 1e-4);
            using LanguageModelTransformer negated = both.CombineAdapters("c", new Dictionary<string, double> { ["b"] = -0.5 }, kind);
            AssertDelta(negated, "up", -0.5, second);
        }

        using LanguageModelTransformer sum = both.CombineAdapters("c", new Dictionary<string, double> { ["a"] = 0.7, ["b"] = 0.3 });
        Assert.Equal(["a", "b", "c"], sum.Adapters);
        Assert.Equal("c", sum.ActiveAdapter);
        torch.Tensor expected = Delta(first, "query") * 0.7 + Delta(second, "query") * 0.3;
        Assert.True(Delta(sum, "query").allclose(expected, 1e-4, 1e-6));

        // The closest of rank 2 is the sum without its smaller singular values.
        using LanguageModelTransformer closest = both.CombineAdapters(
            "c", new Dictionary<string, double> { ["a"] = 0.7, ["b"] = 0.3 }, LoraCombination.Svd);
        (_, torch.Tensor values, _) = torch.linalg.svd(expected);
        double error = (Delta(closest, "query") - expected).norm().item<float>();
        Assert.Equal(values[2..].norm().item<float>(), error, 1e-5);

        void AssertDelta(LanguageModelTransformer model, string name, double factor, LanguageModelTransformer source) =>
            Assert.True(Delta(model, name).allclose(Delta(source, name) * factor, 1e-4, 1e-6));
    }

    [Fact]
    public void Errors_name_the_option_and_what_there_is()
    {
        string MessageOf(LanguageModelOptions options) =>
            Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().LanguageModel(options)).Message;
        void Refused(string expected, LoraOptions lora) => Assert.Contains(expected, MessageOf(Tuning(lora)));

        Refused(
            "TargetModules has 'q_prj', which is no module of the network. Its modules are 'blocks.0.attention.query' "
            + "('model.layers.0.self_attn.q_proj'), ",
            new() { TargetModules = ["q_prj"] });
        Refused("ExcludeModules has 'c_attn'", new() { ExcludeModules = ["c_attn"] });
        Refused("ExcludeModules excludes all targets", new() { TargetModules = ["gate"], ExcludeModules = ["gate_proj"] });
        Refused("TargetPattern has 'x.*'", new() { TargetPattern = "x.*" });
        Refused("not a regular expression", new() { TargetPattern = "(" });
        Refused("not a regular expression", new() { TargetPattern = "(?=a)" });
        Refused("expected one of them", new() { TargetPattern = ".*", TargetModules = ["query"] });
        Refused("RankPattern has 'up', which matches no target", new() { TargetModules = ["query"], RankPattern = { ["up"] = 2 } });
        Refused("ModulesToSave has 'lm_head'", new() { ModulesToSave = ["lm_head"] });
        Refused("'tokens'", new() { ModulesToSave = ["wte"] });
        Refused("Rank is 0", new() { Rank = 0 });
        Refused("Alpha is -1", new() { Alpha = -1 });
        Refused("Dropout is 1", new() { Dropout = 1 });
        Refused("needs an even one", new() { Rank = 3, Initialization = LoraInitialization.Orthogonal });
        Refused("16 × 16", new() { Rank = 17, Initialization = LoraInitialization.Pissa });
        Refused("TargetModules has 'all-convolutions', which is no module", new() { TargetModules = ["all-convolutions"] });
        Refused("TargetModules is empty", new() { TargetModules = [] });

        LanguageModelOptions frozen = Tuning(new LoraOptions());
        frozen.FrozenParameters = ["blocks.0.*"];
        Assert.Contains("'blocks.0.*'; where an adapter", MessageOf(frozen));
        LanguageModelOptions without = Tuning(new LoraOptions());
        without.BaseModel = null;
        Assert.Contains("no BaseModel", MessageOf(without));
        using LanguageModelTransformer tuned = Fit(Tuning(new LoraOptions()));
        LanguageModelOptions twice = Tuning(new LoraOptions());
        twice.BaseModel = tuned;
        Assert.Contains("'default' further", MessageOf(twice));
        using LanguageModelTransformer plain = tuned.WithAdapter(null);
        twice.BaseModel = plain;
        Assert.Contains("has an adapter 'default' already", MessageOf(twice));
        Assert.Contains("it has 'default'", Assert.Throws<ArgumentException>(() => tuned.WithAdapter("poet")).Message);
        Assert.Contains("it has none", Assert.Throws<ArgumentException>(() => _base.WithAdapter("poet")).Message);
        Assert.Contains("already", Assert.Throws<ArgumentException>(() => tuned.AddAdapter("default", tuned)).Message);
        Assert.Contains("uses no adapter", Assert.Throws<ArgumentException>(() => tuned.AddAdapter("other", _base)).Message);
    }

    // Alpha 3, r 16 → 3/16; rsLoRA 3/4; patterns: PEFT's tests/test_initialization.py.
    [Fact]
    public void Scales_are_those_of_PEFT()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["llama"]);
        AdaptableNetwork modules = LanguageModelModules.Of(network);
        LoraShape Find(LoraOptions options) => LoraTargets.Find(options, network, modules);
        string[] Names(LoraOptions options) => [.. Find(options).Modules.Select(m => m.Name)];
        double Scale(LoraShape shape, string name) => shape.ScaleOf(shape.Modules.First(m => m.Name == name));

        Assert.Equal(3.0 / 16, Scale(Find(new() { Rank = 16, Alpha = 3 }), "blocks.0.attention.query"));
        Assert.Equal(3.0 / 4, Scale(Find(new() { Rank = 16, Alpha = 3, UseRsLora = true }), "blocks.0.attention.query"));
        LoraShape patterned = Find(new()
        {
            Rank = 25,
            Alpha = 17,
            TargetModules = ["query", "up", "down"],
            RankPattern = { ["query"] = 9, ["down_proj"] = 16 },
            AlphaPattern = { [@"blocks\.\d\.feedForward\.up"] = 11, ["down"] = 13 },
        });
        Assert.Equal(11.0 / 25, Scale(patterned, "blocks.1.feedForward.up"));
        Assert.Equal(17.0 / 9, Scale(patterned, "blocks.1.attention.query"));
        Assert.Equal(13.0 / 16, Scale(patterned, "blocks.0.feedForward.down"));
        Assert.Equal(14, Find(new()).Modules.Length);
        Assert.DoesNotContain(Find(new()).Modules, m => m.Name is "head" or "tokens");
        Assert.Equal(["blocks.1.attention.value"], Names(new() { TargetPattern = @"model\.layers\.1\..*v_proj" }));
        Assert.Equal(["blocks.1.attention.value"], Names(new() { TargetModules = ["blocks.1.attention.value"] }));
    }

    [Fact]
    public void GPT2_has_one_module_for_queries_keys_and_values_or_three()
    {
        using LanguageModelNetwork network = TinyLanguageModels.Create(TinyLanguageModels.All["gpt, tanh gelu"]);
        AdaptableNetwork modules = LanguageModelModules.Of(network);
        string[] Find(params string[] names) =>
            [.. LoraTargets.Find(new() { TargetModules = names }, network, modules).Modules.Select(m => m.Name)];
        Assert.Equal(
            ["blocks.0.attention.queryKeyValue", "blocks.0.attention.output", "blocks.0.feedForward.up", "blocks.0.feedForward.down"],
            Find("all-linear")[..4]);
        Assert.Equal(Find("all-linear"), Find("c_attn", "c_proj", "c_fc"));
        Assert.Equal(["blocks.0.attention.query", "blocks.0.attention.value"], Find("query", "value")[..2]);
        Assert.Equal(["blocks.0.attention.output", "blocks.1.attention.output"], Find("attn.c_proj"));
        Assert.Contains("part of it", Assert.Throws<ArgumentException>(() => Find("c_attn", "query")).Message);
        Assert.Contains(
            "'blocks.0.attention.queryKeyValue' ('transformer.h.0.attn.c_attn')",
            Assert.Throws<ArgumentException>(() => Find("q_proj")).Message);
    }

    private static LanguageModelOptions Options(Action<LanguageModelOptions>? configure = null)
    {
        LanguageModelOptions options = TinyText.Options();
        options.Seed = 5;
        options.Threads = 1;
        configure?.Invoke(options);
        return options;
    }

    private LanguageModelOptions Tuning(LoraOptions? lora)
    {
        LanguageModelOptions options = Options();
        options.Architecture = LanguageModelArchitecture.GptNano;
        options.BaseModel = _base;
        options.Adapter = lora;
        options.Epochs = 3;
        return options;
    }

    private LanguageModelTransformer Fit(LanguageModelOptions options) =>
        _ml.Transforms.Generative().LanguageModel(options).Fit(TinyText.Data(_ml));

    private static double[][] Logits(LanguageModelTransformer model) =>
        LanguageModelNetworkTests.Logits(model.Network, [3, 1, 4, 1, 5, 9, 2, 6]);

    private static byte[][] Bytes(torch.nn.Module module) =>
        [.. ModuleWeights.Of(module).Select(t => t.Tensor.contiguous().bytes.ToArray())];

    private static torch.Tensor Delta(LanguageModelTransformer model, string name) =>
        model.Networks.Active!.Adapters.First(a => a.Name.EndsWith("." + name, StringComparison.Ordinal)).Adapter.Delta().detach();

    private static nint Address(torch.Tensor tensor)
    {
        unsafe
        {
            fixed (byte* start = tensor.bytes)
                return (nint)start;
        }
    }

    private static void AssertClose(double[][] expected, double[][] found, double tolerance)
    {
        foreach ((double[] e, double[] f) in expected.Zip(found))
            Assert.All(e.Zip(f), pair => Assert.InRange(pair.Second - pair.First, -tolerance, tolerance));
    }
}
