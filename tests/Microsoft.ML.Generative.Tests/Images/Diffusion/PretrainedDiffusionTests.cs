using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Pretrained;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

public sealed class PretrainedDiffusionTests
{
    private static readonly MLContext _ml = new(seed: 1);

    private static DiffusionTransformer Fit(Action<DiffusionOptions> configure)
    {
        DiffusionOptions options = TinyDiffusion.Options();
        options.MaxSteps = 3;
        configure(options);
        return _ml.Transforms.Generative().Diffusion(options).Fit(TinyImages.AsVectors(_ml, 24));
    }

    /// <summary>One of <see cref="_models"/>, trained once; no test changes it.</summary>
    private static DiffusionTransformer Trained(string name = "unconditional")
    {
        if (!_trained.TryGetValue(name, out DiffusionTransformer? model))
            _trained.Add(name, model = Fit(_models[name]));
        return model;
    }

    private static readonly Dictionary<string, DiffusionTransformer> _trained = [];

    public static TheoryData<string> Models => [.. _models.Keys];

    private static readonly Dictionary<string, Action<DiffusionOptions>> _models = new()
    {
        ["unconditional"] = _ => { },
        ["classes with guidance"] = o => (o.LabelColumnName, o.LabelCount) = ("Number", 24),
        ["classes without guidance"] = o => (o.LabelColumnName, o.LabelCount, o.LabelDropout) = ("Number", 24, 0),
        ["learned variance"] = o => (o.LearnsVariance, o.Sampler, o.Steps) = (true, DiffusionSampler.Ddpm, 1000),
        ["learned variance, DDIM"] = o => o.LearnsVariance = true,
        ["PNDM"] = o => o.Sampler = DiffusionSampler.Pndm,
        ["LMS, logistic"] = o => (o.Sampler, o.NoiseSchedule) = (DiffusionSampler.Lms, new() { BetaSchedule = NoiseScheduleKind.Sigmoid }),
        ["DPM-Solver"] = o => o.Sampler = DiffusionSampler.DpmSolver,
        ["UniPC"] = o => o.Sampler = DiffusionSampler.UniPc,
        ["velocity"] = o => (o.Prediction, o.NoiseSchedule) = (
            PredictionType.Velocity, new NoiseScheduleOptions { BetaSchedule = NoiseScheduleKind.Cosine, RescaleBetasZeroSnr = true }),
        ["flow"] = o => o.Process = DiffusionProcess.FlowMatching,
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void A_folder_draws_what_its_model_drew(string name)
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained(name);
        model.SavePretrained(folder.Path);
        using DiffusionTransformer loaded = _ml.Generative().LoadPretrainedDiffusion(folder.Path);

        var options = new DiffusionGenerateOptions { Seed = 1, Steps = 5, Label = model.LabelCount > 0 ? 3 : null };
        Assert.Equal(model.LabelCount, loaded.LabelCount);
        Assert.Equal(Draw(model, options), Draw(loaded, options));

        // And once more, byte by byte.
        using var second = new TemporaryFolder();
        loaded.SavePretrained(second.Path);
        foreach (string file in (string[])
        [
            "README.md", "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
            "scheduler/scheduler_config.json",
        ])
            Assert.Equal(File.ReadAllBytes(folder.File(file)), File.ReadAllBytes(second.File(file)));
    }

    // What the constructors of diffusers' classes take, beside the schedule.
    private static readonly Dictionary<string, string[]> _members = new()
    {
        ["DDPMScheduler"] =
        [
            "variance_type", "clip_sample", "prediction_type", "thresholding", "dynamic_thresholding_ratio", "clip_sample_range",
            "sample_max_value", "timestep_spacing", "steps_offset", "rescale_betas_zero_snr",
        ],
        ["DDIMScheduler"] =
        [
            "clip_sample", "set_alpha_to_one", "steps_offset", "prediction_type", "thresholding", "dynamic_thresholding_ratio",
            "clip_sample_range", "sample_max_value", "timestep_spacing", "rescale_betas_zero_snr",
        ],
        ["PNDMScheduler"] = ["skip_prk_steps", "set_alpha_to_one", "prediction_type", "timestep_spacing", "steps_offset"],
        ["LMSDiscreteScheduler"] =
        [
            "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "prediction_type", "timestep_spacing", "steps_offset",
        ],
        ["DPMSolverMultistepScheduler"] =
        [
            "solver_order", "prediction_type", "thresholding", "dynamic_thresholding_ratio", "sample_max_value", "algorithm_type",
            "solver_type", "lower_order_final",
            "euler_at_final", "use_karras_sigmas", "use_exponential_sigmas", "use_lu_lambdas", "final_sigmas_type", "lambda_min_clipped",
            "variance_type", "timestep_spacing",
            "steps_offset", "rescale_betas_zero_snr",
        ],
        ["UniPCMultistepScheduler"] =
        [
            "solver_order", "prediction_type", "thresholding", "dynamic_thresholding_ratio", "sample_max_value", "predict_x0",
            "solver_type", "lower_order_final",
            "disable_corrector", "use_karras_sigmas", "use_exponential_sigmas", "timestep_spacing", "steps_offset", "final_sigmas_type",
            "rescale_betas_zero_snr",
        ],
        ["FlowMatchEulerDiscreteScheduler"] =
        [
            "shift", "shift_terminal", "use_karras_sigmas", "use_exponential_sigmas", "stochastic_sampling",
        ],
    };

    [Theory]
    [InlineData("unconditional", "DDIMPipeline", "DDIMScheduler")]
    [InlineData("learned variance", "DDPMPipeline", "DDPMScheduler")]
    [InlineData("learned variance, DDIM", "DDPMPipeline", "DDPMScheduler")]
    [InlineData("flow", "DDPMPipeline", "FlowMatchEulerDiscreteScheduler")]
    // PNDMPipeline generates squares only.
    [InlineData("PNDM", "DDIMPipeline", "PNDMScheduler")]
    [InlineData("LMS, logistic", "DDIMPipeline", "LMSDiscreteScheduler")]
    [InlineData("DPM-Solver", "DDPMPipeline", "DPMSolverMultistepScheduler")]
    [InlineData("UniPC", "DDIMPipeline", "UniPCMultistepScheduler")]
    [InlineData("classes with guidance", "DDIMPipeline", "DDIMScheduler")]
    [InlineData("classes without guidance", "DDIMPipeline", "DDIMScheduler")]
    public void A_folder_names_what_of_diffusers_runs_it(string name, string pipeline, string scheduler)
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained(name);
        model.SavePretrained(folder.Path);

        JsonObject index = Json(folder.File("model_index.json")), config = Json(folder.File("scheduler/scheduler_config.json"));
        Assert.Equal(pipeline, index["_class_name"]!.GetValue<string>());
        Assert.Equal($"[\"diffusers\",\"{scheduler}\"]", index["scheduler"]!.ToJsonString());
        Assert.Equal(scheduler, config["_class_name"]!.GetValue<string>());
        string[] schedule = ["num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"];
        Assert.Empty(config.Select(m => m.Key).Where(key => key[0] != '_' && key != "rescale_betas_zero_snr").Except(
            [.. schedule, .. _members[scheduler]]));
        // Numbers and named values only: Python would take a text for the number that it does not name.
        Assert.All(config.Where(m => m.Value is JsonValue v && v.GetValueKind() == System.Text.Json.JsonValueKind.String), m =>
            Assert.DoesNotContain("inf", m.Value!.GetValue<string>()));
        if (name.StartsWith("learned", StringComparison.Ordinal))
            Assert.Equal("learned_range", config["variance_type"]!.GetValue<string>());
        if (name == "LMS, logistic")
            Assert.Equal(("linear", 1000), (config["beta_schedule"]!.GetValue<string>(), config["trained_betas"]!.AsArray().Count));

        string readme = File.ReadAllText(folder.File("README.md"));
        Assert.Contains(name.StartsWith("classes", StringComparison.Ordinal) ? "class_labels=" : $"{pipeline}.from_pretrained", readme);
        Assert.Equal(name == "classes with guidance", readme.Contains("guidance * (conditional - unconditional)"));
    }

    [Fact]
    public void PNDM_has_its_pipeline_for_squares()
    {
        var shape = new Data.Columns.ImageShape(3, 32, 32);
        Generative.Images.Diffusion.DiffusionArchitecture square = Generative.Images.Diffusion.DiffusionArchitecture.Of(
            new DiffusionOptions(), shape, 0, null);
        Assert.Equal("PNDMPipeline", new DiffusersPipeline(square, "PNDMScheduler").ClassName);
    }

    [Fact]
    public void A_readme_of_the_users_own_stays()
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained();
        File.WriteAllText(folder.File("README.md"), "Mine.");
        model.SavePretrained(folder.Path);
        Assert.Equal("Mine.", File.ReadAllText(folder.File("README.md")));
    }

    [Fact]
    public void A_configuration_with_Pythons_infinity_is_read()
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained("DPM-Solver");
        model.SavePretrained(folder.Path);
        string path = folder.File("scheduler/scheduler_config.json");
        // As diffusers saves the class's default.
        File.WriteAllText(
            path, File.ReadAllText(path).Replace("{", "{\n  \"lambda_min_clipped\": -Infinity,\n  \"_note\": \"a \\\" NaN\","));
        using DiffusionTransformer loaded = _ml.Generative().LoadPretrainedDiffusion(folder.Path);
        var options = new DiffusionGenerateOptions { Seed = 1, Steps = 4 };
        Assert.Equal(Draw(model, options), Draw(loaded, options));
    }

    [Fact]
    public void A_folder_has_diffusers_names()
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained("classes with guidance");
        model.SavePretrained(folder.Path);

        JsonObject config = Json(folder.File("unet/config.json"));
        Assert.Equal("UNet2DModel", config["_class_name"]!.GetValue<string>());
        Assert.Equal(["DownBlock2D", "AttnDownBlock2D"], config["down_block_types"]!.AsArray().Select(n => n!.GetValue<string>()));
        Assert.Equal(["AttnUpBlock2D", "UpBlock2D"], config["up_block_types"]!.AsArray().Select(n => n!.GetValue<string>()));
        Assert.Equal(25, config["num_class_embeds"]!.GetValue<int>());
        Assert.Equal("[6,8]", config["sample_size"]!.ToJsonString());
        Assert.Equal("DDIMScheduler", Json(folder.File("scheduler/scheduler_config.json"))["_class_name"]!.GetValue<string>());
        using var weights = SafetensorsFile.Open(folder.File("unet/diffusion_pytorch_model.safetensors"));
        foreach (string name in (string[])["conv_in.weight", "time_embedding.linear_1.bias", "class_embedding.weight",
        "down_blocks.0.resnets.0.time_emb_proj.weight",
            "down_blocks.0.downsamplers.0.conv.weight", "down_blocks.1.attentions.0.to_q.weight", "mid_block.attentions.0.to_out.0.bias",
            "mid_block.resnets.1.norm2.weight",
            "up_blocks.0.upsamplers.0.conv.weight", "up_blocks.1.resnets.1.conv_shortcut.weight", "conv_norm_out.weight", "conv_out.bias"])
            Assert.Contains(name, weights.Names);
    }

    [Fact]
    public void Attention_of_old_checkpoints_is_found_under_its_old_names()
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained();
        model.SavePretrained(folder.Path);
        string path = folder.File("unet/diffusion_pytorch_model.safetensors");
        using (DisposeScope scope = torch.NewDisposeScope())
        {
            List<(string, torch.Tensor)> renamed = [];
            using (var file = SafetensorsFile.Open(path))
            {
                foreach (string name in file.Names)
                {
                    string old = name.Replace(".to_out.0.", ".proj_attn.").Replace(".to_q.", ".query.").Replace(".to_k.", ".key.").Replace(
                        ".to_v.", ".value.");
                    torch.Tensor values = file.Read(name);
                    // Some were convolutions of one pixel.
                    renamed.Add(
                        (old, old.EndsWith("query.weight", StringComparison.Ordinal) ? values.unsqueeze(-1).unsqueeze(-1) : values));
                }
            }

            SafetensorsWriter.WriteFile(path, renamed, null);
        }

        using DiffusionTransformer loaded = _ml.Generative().LoadPretrainedDiffusion(folder.Path);
        var options = new DiffusionGenerateOptions { Seed = 1, Steps = 3 };
        Assert.Equal(Draw(model, options), Draw(loaded, options));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_folder_without_sub_folders_loads_with_or_without_its_index(bool hasIndex)
    {
        using var folder = new TemporaryFolder();
        DiffusionTransformer model = Trained();
        model.SavePretrained(folder.Path);
        MoveToRoot(folder);
        if (!hasIndex)
            File.Delete(folder.File("model_index.json"));

        using DiffusionTransformer loaded = _ml.Generative().LoadPretrainedDiffusion(folder.Path);
        var options = new DiffusionGenerateOptions { Seed = 1, Steps = 3 };
        Assert.Equal(Draw(model, options), Draw(loaded, options));

        // Saved, it has sub-folders.
        using var second = new TemporaryFolder();
        loaded.SavePretrained(second.Path);
        Assert.True(File.Exists(second.File("unet/diffusion_pytorch_model.safetensors")));
    }

    [Fact]
    public void What_a_folder_without_sub_folders_lacks_is_named()
    {
        using var folder = new TemporaryFolder();
        Trained().SavePretrained(folder.Path);
        MoveToRoot(folder);
        File.Move(folder.File("diffusion_pytorch_model.safetensors"), folder.File("diffusion_pytorch_model.bin"));
        string message = Assert.Throws<InvalidDataException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message;
        Assert.Contains("'diffusion_pytorch_model.bin', a Python pickle", message);
        File.Delete(folder.File("scheduler_config.json"));
        message = Assert.Throws<FileNotFoundException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message;
        Assert.Contains("neither 'scheduler/scheduler_config.json' nor 'scheduler_config.json'", message);
        // A config.json alone may be any model's.
        File.Delete(folder.File("model_index.json"));
        message = Assert.Throws<FileNotFoundException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message;
        Assert.Contains("no 'model_index.json'", message);
    }

    [Fact]
    public void Absent_members_have_diffusers_defaults_and_unknown_ones_warn()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("config.json");
        File.WriteAllText(path, """{ "_diffusers_version": "0.1", "sample_size": 32, "color": 1 }""");
        List<string> warnings = [];
        UNetConfigFile file = UNetConfigFile.Read(path, warnings.Add);
        Assert.Contains("'color'", Assert.Single(warnings));
        UNetArchitecture n = file.Network;
        Assert.Equal(
            (3, 3, 2, 8, 32, 1e-5, 1),
            (n.InChannels, n.OutChannels, n.LayersPerBlock, n.AttentionHeadSize, n.NormGroups, n.NormEpsilon, n.DownsamplePadding));
        Assert.Equal([224, 448, 672, 896], n.BlockOutChannels);
        Assert.Equal(UNetBlockKind.Plain, n.DownBlocks[0]);
        Assert.Equal(UNetBlockKind.Attention, n.UpBlocks[0]);
    }

    [Theory]
    [InlineData("down_block_types", """["SkipDownBlock2D","DownBlock2D"]""", "SkipDownBlock2D")]
    [InlineData("time_embedding_type", "\"fourier\"", "fourier")]
    [InlineData("class_embed_type", "\"identity\"", "identity")]
    [InlineData("act_fn", "\"elu\"", "elu")]
    [InlineData("norm_num_groups", "3", "norm groups")]
    [InlineData("sample_size", "null", "sample_size")]
    [InlineData("block_out_channels", "[4,4]", "shape")]
    [InlineData("layers_per_block", "2", "elements")]
    [InlineData("in_channels", "3", "channels")]
    public void Configurations_that_do_not_fit_are_refused_by_name(string member, string value, string named)
    {
        using var folder = new TemporaryFolder();
        Trained().SavePretrained(folder.Path);
        JsonObject config = Json(folder.File("unet/config.json"));
        config[member] = JsonNode.Parse(value);
        File.WriteAllText(folder.File("unet/config.json"), config.ToJsonString());
        Assert.Contains(named, Assert.Throws<InvalidDataException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message);
    }

    [Fact]
    public void Missing_files_and_pickles_are_named()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains(
            "model_index.json", Assert.Throws<FileNotFoundException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message);
        Trained().SavePretrained(folder.Path);
        string weights = folder.File("unet/diffusion_pytorch_model.safetensors");
        File.Move(weights, folder.File("unet/diffusion_pytorch_model.bin"));
        Assert.Contains("pickle", Assert.Throws<InvalidDataException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message);
        File.Delete(folder.File("unet/diffusion_pytorch_model.bin"));
        Assert.Contains(
            "safetensors", Assert.Throws<FileNotFoundException>(() => _ml.Generative().LoadPretrainedDiffusion(folder.Path)).Message);
    }

    [Fact]
    public void Models_that_diffusers_does_not_have_are_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        using DiffusionTransformer transformer = Fit(o => o.Network = DiffusionNetworkKind.Dit);
        Assert.Contains("transformer", Assert.Throws<NotSupportedException>(() => transformer.SavePretrained(folder.Path)).Message);
    }

    [Fact]
    public void A_network_with_an_adapter_is_refused_by_name()
    {
        using var folder = new TemporaryFolder();
        using DiffusionTransformer model = Fit(_ => { });
        model.Network.modules().OfType<Layers.Linear>().First().Attach(new TestAdapter(1, 1));
        Assert.Contains("'time_embedding.linear_1' has an adapter", Assert.Throws<NotSupportedException>(() =>
            model.SavePretrained(folder.Path)).Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    private static float[][] Draw(DiffusionTransformer model, DiffusionGenerateOptions options) =>
        [.. model.Generate(2, options).GetColumn<float[]>("Generated")];

    private static void MoveToRoot(TemporaryFolder folder)
    {
        string[] paths = ["unet/config.json", "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"];
        foreach (string path in paths)
            File.Move(folder.File(path), folder.File(Path.GetFileName(path)));
        Directory.Delete(folder.File("unet"));
        Directory.Delete(folder.File("scheduler"));
    }

    private static JsonObject Json(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();
}
