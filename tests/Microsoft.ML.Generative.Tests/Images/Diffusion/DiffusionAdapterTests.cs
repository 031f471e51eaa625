using System.IO.Compression;
using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Layers.Adapters;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

[Collection(GlobalTorchState.Name)]
public sealed class DiffusionAdapterTests : IDisposable
{
    private static readonly string[] _attention = ["to_q", "to_k", "to_v", "to_out.0"];

    private readonly MLContext _ml = new(seed: 1);
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = torch.NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(DiffusionNetworkKind.UNet, "all-linear all-convolutions", false, LoraInitialization.Default)]
    [InlineData(DiffusionNetworkKind.UNet, "conv1 to_q", true, LoraInitialization.Pissa)]
    [InlineData(DiffusionNetworkKind.UNet, "upsamplers.0.conv downsamplers.0.conv conv_in", false, LoraInitialization.Orthogonal)]
    [InlineData(DiffusionNetworkKind.Dit, "all-linear", true, LoraInitialization.Default)]
    [InlineData(DiffusionNetworkKind.Dit, "query value patches", false, LoraInitialization.Olora)]
    public void Training_changes_the_adapter_and_nothing_else(
        DiffusionNetworkKind kind, string targets, bool usesDora, LoraInitialization initialization)
    {
        using DiffusionTransformer model = Base(kind);
        byte[][] before = Bytes(model.Network);
        using DiffusionTransformer tuned = Fit(Tuning(model, new LoraOptions
        {
            Rank = 2,
            TargetModules = targets.Split(' '),
            UseDora = usesDora,
            Initialization = initialization,
        }));
        Assert.Equal(before, Bytes(model.Network));
        Assert.Equal(before, Bytes(tuned.Networks.Base));
        Assert.Equal(("default", null), (tuned.ActiveAdapter, model.ActiveAdapter));
        Assert.All(tuned.Networks.Active!.Adapters, a => Assert.True(a.Adapter.Delta().abs().max().item<float>() > 1e-5, a.Name));

        using DiffusionTransformer plain = tuned.WithAdapter(null), merged = tuned.Merge();
        Assert.Equal(Draw(model), Draw(plain));
        Assert.NotEqual(Draw(model), Draw(tuned));
        AssertNear(Draw(tuned), Draw(merged));
        Assert.Empty(merged.Adapters);
        Assert.Equal(before, Bytes(model.Network));
    }

    [Theory]
    [InlineData(DiffusionNetworkKind.UNet)]
    [InlineData(DiffusionNetworkKind.Dit)]
    public void The_network_is_shared_in_memory_and_adapters_are_components_of_the_file(DiffusionNetworkKind kind)
    {
        DiffusionTransformer model = Base(kind);
        float[][] plain = Draw(model);
        using DiffusionTransformer tuned = Fit(Tuning(model, new LoraOptions { Name = "bold", Rank = 1 }));
        foreach ((torch.Tensor own, torch.Tensor shared) in model.Network.parameters().Zip(tuned.Networks.Base.parameters()))
            Assert.Equal(Address(own), Address(shared));
        using DiffusionTransformer second = Fit(Tuning(model, new LoraOptions { Rank = 2 }, seed: 9));
        using DiffusionTransformer both = tuned.AddAdapter("thin", second);
        model.Dispose();
        string file = _folder.File("model.zip");
        _ml.Model.Save(both, Data().Schema, file);
        using (ZipArchive archive = ZipFile.OpenRead(file))
            Assert.Equal(
                ["adapter-1.safetensors", "adapter-2.safetensors", "denoiser.safetensors"],
                archive.Entries.Select(e => e.Name).Where(name => name.EndsWith(".safetensors", StringComparison.Ordinal))
                    .Order(StringComparer.Ordinal));
        using var loaded = (DiffusionTransformer)_ml.Model.Load(file, out _);
        Assert.Equal(["bold", "thin"], loaded.Adapters);
        Assert.Equal("thin", loaded.ActiveAdapter);
        using DiffusionTransformer bold = loaded.WithAdapter("bold"), none = loaded.WithAdapter(null);
        Assert.Equal(Draw(second), Draw(loaded));
        Assert.Equal(Draw(tuned), Draw(bold));
        Assert.Equal(plain, Draw(none));

        // The sum of the changes is the sum of their merged kernels.
        using DiffusionTransformer sum = both.CombineAdapters("sum", new Dictionary<string, double> { ["bold"] = 0.5, ["thin"] = -1 });
        torch.Tensor expected =
            tuned.Networks.Active!.Adapters[0].Adapter.Delta() * 0.5 - second.Networks.Active!.Adapters[0].Adapter.Delta();
        Assert.True(sum.Networks.Active!.Adapters[0].Adapter.Delta().allclose(expected, 1e-4, 1e-6));
        Assert.Contains("it has 'bold', 'thin'", Assert.Throws<ArgumentException>(() => both.WithAdapter("x")).Message);
    }

    [Theory]
    [InlineData(LoraCombination.Concatenation)]
    [InlineData(LoraCombination.Svd)]
    [InlineData(LoraCombination.Linear)]
    public void Adapters_of_convolutions_are_combined(LoraCombination kind)
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        using DiffusionTransformer tuned = Fit(Tuning(model, new LoraOptions { Rank = 2, TargetModules = ["conv1"] }));
        using DiffusionTransformer twice = tuned.CombineAdapters("twice", new Dictionary<string, double> { ["default"] = 2 }, kind);
        foreach ((var own, var source) in twice.Networks.Active!.Adapters.Zip(tuned.Networks.Active!.Adapters))
            Assert.True(own.Adapter.Delta().allclose(source.Adapter.Delta() * 2, 1e-3, 1e-5), own.Name);
        Assert.NotEqual(Draw(tuned), Draw(twice));
    }

    [Fact]
    public void A_training_that_is_interrupted_resumes_exactly_and_its_checkpoints_lack_the_network()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        LoraOptions lora = new() { Rank = 1, TargetModules = _attention, Dropout = 0.1, ModulesToSave = ["conv_norm_out"] };
        DiffusionOptions options = Tuning(model, lora);
        options.MaxSteps = 8;
        using DiffusionTransformer whole = Fit(options);
        options.Checkpoints = new CheckpointOptions(_folder.Path) { Steps = 2 };
        using var source = new CancellationTokenSource();
        options.CancellationToken = source.Token;
        options.Progress = new Reports { OnReport = report => { if (report.Step >= 4) source.Cancel(); } };
        Assert.ThrowsAny<OperationCanceledException>(() => Fit(options));
        long learned = whole.Networks.Active!.parameters().Sum(p => p.numel());
        Assert.InRange(new FileInfo(Directory.GetFiles(_folder.Path, "*.checkpoint")[0]).Length, 0, learned * 4 * 5 + 20_000);
        options.CancellationToken = default;
        options.Progress = null;
        using DiffusionTransformer resumed = Fit(options);
        Assert.Equal(Bytes(whole.Networks.Active), Bytes(resumed.Networks.Active!));
    }

    [Fact]
    public void An_adapter_is_trained_further_with_a_rate_ten_times_that_of_all_weights()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        Assert.Equal(0.0005, new DiffusionOptions().LearningRate);
        DiffusionOptions options = Tuning(model, new LoraOptions { Rank = 1, TargetModules = ["conv1"] });
        Assert.Equal(0.005, options.LearningRate);
        using DiffusionTransformer tuned = Fit(options);
        options = Tuning(tuned, null);
        Assert.Equal(0.005, options.LearningRate);
        using DiffusionTransformer further = Fit(options);
        Assert.Equal(["default"], further.Adapters);
        Assert.Equal(Bytes(model.Network), Bytes(further.Networks.Base));
        Assert.NotEqual(Bytes(tuned.Networks.Active!), Bytes(further.Networks.Active!));
    }

    // Keys and shapes of PEFT's state dictionary of a UNet2DModel under diffusers' prefix.
    [Fact]
    public void The_file_is_that_of_diffusers()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        LoraOptions lora = new()
        {
            Rank = 2,
            Alpha = 5,
            TargetModules = ["mid_block.attentions.0.to_q", "down_blocks.0.resnets.0.conv1"],
            UseDora = true,
            UseRsLora = true,
            RankPattern = { ["conv1"] = 3 },
            AlphaPattern = { ["conv1"] = 7 },
        };
        using DiffusionTransformer tuned = Fit(Tuning(model, lora));
        tuned.SaveAdapter(_folder.Path);
        Assert.Equal(["pytorch_lora_weights.safetensors"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        const string conv = "unet.down_blocks.0.resnets.0.conv1", query = "unet.mid_block.attentions.0.to_q";
        (Dictionary<string, torch.Tensor> tensors, IReadOnlyDictionary<string, string> metadata) = ReadFile();
        Assert.Equal(
            [
                $"{conv}.lora_A.weight [3, 4, 3, 3]", $"{conv}.lora_B.weight [4, 3, 1, 1]", $"{conv}.lora_magnitude_vector [1, 4, 1, 1]",
                $"{query}.lora_A.weight [2, 8]", $"{query}.lora_B.weight [8, 2]", $"{query}.lora_magnitude_vector [8]",
            ],
            tensors.Select(t => $"{t.Key} [{string.Join(", ", t.Value.shape)}]").Order(StringComparer.Ordinal));
        Assert.Equal("pt", metadata["format"]);
        JsonNode config = JsonNode.Parse(metadata["lora_adapter_metadata"])!;
        Assert.True((bool)config["unet.use_rslora"]! && (bool)config["unet.use_dora"]!);
        Assert.Equal(["down_blocks.0.resnets.0.conv1", "mid_block.attentions.0.to_q"],
            config["unet.target_modules"]!.AsArray().Select(n => (string?)n));

        using DiffusionTransformer loaded = model.LoadAdapter(_folder.Path, "again");
        Assert.Equal("again", loaded.ActiveAdapter);
        Assert.Equal(3 * 4 * 9 + 4 * 3 + 4 + 2 * 8 + 8 * 2 + 8, loaded.CountAdapterParameters());
        Assert.Equal(0, model.CountAdapterParameters());
        Assert.Equal(tuned.Networks.Active!.Shape.Modules, loaded.Networks.Active!.Shape.Modules);
        Assert.Equal(Draw(tuned), Draw(loaded));
        using DiffusionTransformer pretrained = Pretrained(model), onPretrained = pretrained.LoadAdapter(_folder.Path);
        Assert.Equal(Draw(tuned), Draw(onPretrained));
    }

    [Fact]
    public void A_transformers_file_has_the_names_of_diffusers_too()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.Dit);
        using DiffusionTransformer tuned = Fit(Tuning(model, new LoraOptions { Rank = 1, TargetModules = ["all-linear", "head"] }));
        tuned.SaveAdapter(_folder.Path);
        Assert.Equal(
            ((string[])["attn1.to_k", "attn1.to_out.0", "attn1.to_q", "attn1.to_v", "ff.net.0.proj", "ff.net.2", "norm1.linear"])
            .Select(name => $"transformer.transformer_blocks.0.{name}").Prepend("transformer.proj_out_2"),
            ReadFile().Tensors.Keys.Select(key => key[..key.IndexOf(".lora_", StringComparison.Ordinal)])
                .Distinct().Order(StringComparer.Ordinal));
        using DiffusionTransformer loaded = model.LoadAdapter(_folder.Path);
        Assert.Equal(Draw(tuned), Draw(loaded));
        using DiffusionTransformer own = Fit(Tuning(model, new LoraOptions { TargetModules = ["patches"] }));
        Assert.Contains("no module like 'patches'", Assert.Throws<NotSupportedException>(() => own.SaveAdapter(_folder.File("x"))).Message);
    }

    [Theory]
    [InlineData("unet.", ".lora.down.weight", ".lora.up.weight")]
    [InlineData("unet.", ".lora_A.weight", ".lora_B.weight")]
    [InlineData("", ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight")]
    [InlineData("base_model.model.", ".lora_A.weight", ".lora_B.weight")]
    [InlineData("unet.", "_lora.down.weight", "_lora.up.weight", "processor.")]
    public void Names_of_earlier_versions_are_read(string prefix, string down, string up, string between = "")
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        torch.Tensor a = torch.randn(2, 8), b = torch.randn(8, 2);
        string module = $"{prefix}mid_block.attentions.0.{between}to_q";
        foreach (double? alpha in (double?[])[null, 6])
        {
            Dictionary<string, torch.Tensor> all = new() { [module + down] = a.to(torch.ScalarType.Float16), [module + up] = b };
            if (alpha is { } value)
                all.Add($"{prefix}mid_block.attentions.0.to_q.alpha", torch.tensor((float)value));
            WriteFile(all);
            using DiffusionTransformer loaded = model.LoadAdapter(_folder.Path, $"alpha {alpha}");
            // Without α, it is the rank.
            torch.Tensor expected = b.mm(a.to(torch.ScalarType.Float16).to(torch.ScalarType.Float32)) * ((alpha ?? 2) / 2);
            (string name, LoraAdapter adapter) = loaded.Networks.Active!.Adapters.Single();
            Assert.Equal("mid_block.attentions.0.to_q", name);
            Assert.True(adapter.Delta().allclose(expected, 1e-4, 1e-5));
        }
    }

    [Fact]
    public void Kohyas_names_are_read()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        torch.Tensor a = torch.randn(2, 8), b = torch.randn(8, 2);
        const string module = "lora_unet_mid_block_attentions_0_to_out_0";
        WriteFile(new() { [$"{module}.lora_down.weight"] = a, [$"{module}.lora_up.weight"] = b, [$"{module}.alpha"] = torch.tensor(3f) });
        using DiffusionTransformer loaded = model.LoadAdapter(_folder.Path);
        (string name, LoraAdapter adapter) = loaded.Networks.Active!.Adapters.Single();
        Assert.Equal("mid_block.attentions.0.to_out.0", name);
        Assert.True(adapter.Delta().allclose(b.mm(a) * 1.5, 1e-4, 1e-5));

        WriteFile(new() { ["lora_unet_other.lora_down.weight"] = a, ["lora_unet_other.lora_up.weight"] = b });
        Assert.Contains("no adapter of a module", Assert.Throws<InvalidDataException>(() => model.LoadAdapter(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("unet.x.lora_A.weight", "no adapter of a module of this network")]
    [InlineData("unet.conv_in.lora_A.weight", "1 missing: conv_in.lora_B.weight")]
    [InlineData("unet.conv_in.lora_A.weight unet.conv_in.lora_B.weight unet.x.lora_A.weight", "1 unexpected: 'unet.x.lora_A.weight'")]
    [InlineData("unet.conv_in.lora_A.weight unet.conv_in.lora_B.weight unet.conv_out.alpha", "1 unexpected: 'unet.conv_out.alpha'")]
    [InlineData("unet.conv_in.lora_A.weight unet.conv_out.lora_B.weight", "expected F32 [1, 2, 1, 1]")]
    [InlineData("unet.conv_in.lora_A.weight unet.conv_in.lora_B.weight unet.conv_in.lora.down.weight", "1 unexpected")]
    [InlineData("unet.conv_in.lora_A.weight unet.conv_in.lora_B.weight unet.conv_in.alpha", "expected a single number")]
    public void What_does_not_fit_is_listed(string keys, string expected)
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        WriteFile(keys.Split(' ').ToDictionary(
            key => key, key => key.Contains("lora_B", StringComparison.Ordinal) ? torch.zeros(4, 2, 1, 1) : torch.zeros(2, 1, 3, 3)));
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => model.LoadAdapter(_folder.Path)).Message);
    }

    [Theory]
    [InlineData("{", "not well-formed JSON")]
    [InlineData("[1]", "not an object")]
    [InlineData("""{"unet.peft_type": "IA3"}""", "'peft_type' is 'IA3'")]
    [InlineData("""{"unet.peft_type": "LORA", "unet.lora_alpha": -1, "unet.target_modules": ["conv_in"]}""", "Alpha is -1")]
    public void Damaged_metadata_is_named(string metadata, string expected)
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        SafetensorsWriter.WriteFile(
            _folder.File("pytorch_lora_weights.safetensors"),
            [("unet.conv_in.lora_A.weight", torch.zeros(2, 1, 3, 3)), ("unet.conv_in.lora_B.weight", torch.zeros(4, 2, 1, 1))],
            new Dictionary<string, string> { ["lora_adapter_metadata"] = metadata });
        Assert.Contains(expected, Assert.Throws<InvalidDataException>(() => model.LoadAdapter(_folder.Path)).Message);
    }

    [Fact]
    public void Errors_come_before_the_training_and_name_what_there_is()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        string MessageOf(DiffusionOptions options) =>
            Assert.ThrowsAny<ArgumentException>(() => _ml.Transforms.Generative().Diffusion(options)).Message;
        string listed = MessageOf(Tuning(model, new LoraOptions { TargetModules = ["q_proj"] }));
        Assert.Contains("TargetModules has 'q_proj', which is no module of the network. Its modules are ", listed);
        Assert.Contains("'time_embedding.linear_1'", listed);
        Assert.Contains("'down_blocks.0.resnets.0.conv1'", listed);
        Assert.DoesNotContain("'down_blocks.1.resnets.0.conv1'", listed);
        Assert.Contains("Rank is 0", MessageOf(Tuning(model, new LoraOptions { Rank = 0 })));
        DiffusionOptions without = TinyDiffusion.Options();
        without.Adapter = new LoraOptions();
        Assert.Contains("no BaseModel", MessageOf(without));
        Assert.Contains("uses no adapter", Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(_folder.Path)).Message);
        Assert.Contains(
            "neither 'pytorch_lora_weights.safetensors'",
            Assert.Throws<FileNotFoundException>(() => model.LoadAdapter(_folder.Path)).Message);

        using DiffusionTransformer tuned = Fit(Tuning(model, new LoraOptions { Rank = 1, ModulesToSave = ["conv_norm_out"] }));
        Assert.Contains("'conv_norm_out.weight'", Assert.Throws<NotSupportedException>(() => tuned.SaveAdapter(_folder.Path)).Message);
        Assert.Contains("has an adapter", Assert.Throws<NotSupportedException>(() => tuned.SavePretrained(_folder.File("x"))).Message);
        using DiffusionTransformer other = Base(DiffusionNetworkKind.Dit);
        Assert.Contains("another architecture", Assert.Throws<ArgumentException>(() => other.AddAdapter("x", tuned)).Message);
    }

    [Fact]
    public void All_linear_and_all_convolutions_are_those_of_the_blocks()
    {
        using DiffusionTransformer model = Base(DiffusionNetworkKind.UNet);
        string[] Names(string target) =>
        [
            .. LoraTargets.Find(new() { TargetModules = [target] }, model.Network, model.Network.Adaptable).Modules.Select(m => m.Name),
        ];
        Assert.All(Names("all-linear"), name => Assert.Matches("_block.*(to_[qkv]|to_out.0|time_emb_proj)$", name));
        Assert.All(Names("all-convolutions"), name => Assert.Matches(@"_block.*(conv1|conv2|conv_shortcut|samplers\.0\.conv)$", name));
        Assert.Contains("up_blocks.0.upsamplers.0.conv", Names("all-convolutions"));
        Assert.Equal(["conv_in"], Names("conv_in"));
    }

    private DiffusionTransformer Base(DiffusionNetworkKind kind)
    {
        DiffusionOptions options = TinyDiffusion.Options();
        (options.Network, options.MaxSteps, options.Seed, options.Threads) = (kind, 4, 5, 1);
        return Fit(options);
    }

    private DiffusionTransformer Pretrained(DiffusionTransformer model)
    {
        model.SavePretrained(_folder.File("folder"));
        return _ml.Generative().LoadPretrainedDiffusion(_folder.File("folder"));
    }

    private static DiffusionOptions Tuning(DiffusionTransformer model, LoraOptions? lora, int seed = 7)
    {
        DiffusionOptions options = new() { InputColumnName = "Pixels", BatchSize = 8, Steps = 4, MaxSteps = 6, Seed = seed, Threads = 1 };
        (options.BaseModel, options.Adapter) = (model, lora);
        return options;
    }

    private IDataView Data() => TinyImages.AsVectors(_ml, 24);

    private DiffusionTransformer Fit(DiffusionOptions options) => _ml.Transforms.Generative().Diffusion(options).Fit(Data());

    private static float[][] Draw(DiffusionTransformer model) =>
        [.. model.Generate(2, new() { Seed = 1, Steps = 3, Sampler = DiffusionSampler.Ddim }).GetColumn<float[]>("Generated")];

    private (Dictionary<string, torch.Tensor> Tensors, IReadOnlyDictionary<string, string> Metadata) ReadFile()
    {
        using SafetensorsFile file = SafetensorsFile.Open(_folder.File("pytorch_lora_weights.safetensors"));
        Dictionary<string, torch.Tensor> all = file.Tensors.Values.ToDictionary(t => t.Name, t => torch.empty(t.Shape, t.Type));
        file.ReadInto(all);
        return (all, file.Metadata);
    }

    private void WriteFile(Dictionary<string, torch.Tensor> tensors) =>
        SafetensorsWriter.WriteFile(_folder.File("pytorch_lora_weights.safetensors"), tensors.Select(t => (t.Key, t.Value)));

    private static byte[][] Bytes(torch.nn.Module module) =>
        [.. ModuleWeights.Of(module).Select(t => t.Tensor.contiguous().bytes.ToArray())];

    private static nint Address(torch.Tensor tensor)
    {
        unsafe
        {
            fixed (byte* start = tensor.bytes)
                return (nint)start;
        }
    }

    private static void AssertNear(float[][] expected, float[][] found) =>
        Assert.All(expected.SelectMany(e => e).Zip(found.SelectMany(f => f)), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
}
