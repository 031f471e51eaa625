using System.Text.Json.Nodes;
using Microsoft.ML.Data;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Adapters put together by hand under the keys of PEFT's get_peft_model_state_dict, beside folders whose weights are changed as they say:
/// W + α / r · B A, and what is saved as a whole in place of the folder's own.
/// </summary>
[Collection(GlobalTorchState.Name)]
public sealed class EncoderPeftTests : IDisposable
{
    private const string Prefix = "base_model.model.";
    private const string Text = "a b c i h e e a d";

    private static readonly MLContext _ml = new(seed: 1);

    private readonly TemporaryFolder _adapter = new();
    private readonly TemporaryFolder _merged = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _adapter.Dispose();
        _merged.Dispose();
    }

    // Of a masked language model, PEFT has no name of the task, and writes the tied output layer of a saved head, too.
    [Theory]
    [InlineData("classes", "bert", "query dense", "bert.encoder.layer.0.attention.self.query "
        + "bert.encoder.layer.0.attention.output.dense bert.encoder.layer.0.intermediate.dense bert.encoder.layer.0.output.dense "
        + "bert.encoder.layer.1.attention.self.query bert.encoder.layer.1.attention.output.dense bert.encoder.layer.1.intermediate.dense "
        + "bert.encoder.layer.1.output.dense",
        "classifier", "classifier score", "pooler classifier", "", "bert.pooler.dense.bias bert.pooler.dense.weight")]
    [InlineData("classes", "roberta", "value",
        "roberta.encoder.layer.0.attention.self.value roberta.encoder.layer.1.attention.self.value",
        "classifier.dense classifier.out_proj", "classifier score", "classifier", "", "")]
    [InlineData("classes", "distilbert", "q_lin lin2", "distilbert.transformer.layer.0.attention.q_lin "
        + "distilbert.transformer.layer.0.ffn.lin2 distilbert.transformer.layer.1.attention.q_lin distilbert.transformer.layer.1.ffn.lin2",
        "pre_classifier classifier", "pre_classifier classifier score", "pre_classifier classifier", "", "")]
    [InlineData("classes", "modernbert", "Wqkv Wi", "model.layers.0.attn.Wqkv model.layers.0.mlp.Wi model.layers.1.attn.Wqkv "
        + "model.layers.1.mlp.Wi model.layers.2.attn.Wqkv model.layers.2.mlp.Wi model.layers.3.attn.Wqkv model.layers.3.mlp.Wi",
        "classifier", "classifier score", "head classifier", "", "head.dense.weight head.norm.weight")]
    [InlineData("tokens", "bert", "query dense", "bert.encoder.layer.0.attention.self.query "
        + "bert.encoder.layer.0.attention.output.dense bert.encoder.layer.0.intermediate.dense bert.encoder.layer.0.output.dense "
        + "bert.encoder.layer.1.attention.self.query bert.encoder.layer.1.attention.output.dense bert.encoder.layer.1.intermediate.dense "
        + "bert.encoder.layer.1.output.dense",
        "", "", "cls", "", "cls.predictions.bias cls.predictions.transform.LayerNorm.bias cls.predictions.transform.LayerNorm.weight "
        + "cls.predictions.transform.dense.bias cls.predictions.transform.dense.weight")]
    [InlineData("tokens", "bert", "value", "bert.encoder.layer.0.attention.self.value bert.encoder.layer.1.attention.self.value",
        "cls", "cls", "cls", "cls.predictions.decoder.weight=bert.embeddings.word_embeddings.weight "
        + "cls.predictions.decoder.bias=cls.predictions.bias", "")]
    [InlineData("tokens", "roberta", "key", "roberta.encoder.layer.0.attention.self.key roberta.encoder.layer.1.attention.self.key",
        "lm_head", "lm_head", "lm_head",
        "lm_head.decoder.weight=roberta.embeddings.word_embeddings.weight lm_head.decoder.bias=lm_head.bias", "")]
    [InlineData("tokens", "distilbert", "v_lin lin1", "distilbert.transformer.layer.0.attention.v_lin "
        + "distilbert.transformer.layer.0.ffn.lin1 distilbert.transformer.layer.1.attention.v_lin distilbert.transformer.layer.1.ffn.lin1",
        "vocab_transform vocab_layer_norm vocab_projector", "vocab_transform vocab_layer_norm vocab_projector",
        "vocab_transform vocab_layer_norm vocab_projector",
        "vocab_projector.weight=distilbert.embeddings.word_embeddings.weight", "")]
    [InlineData("tokens", "modernbert", "Wqkv", "model.layers.0.attn.Wqkv model.layers.1.attn.Wqkv model.layers.2.attn.Wqkv "
        + "model.layers.3.attn.Wqkv", "head decoder", "head decoder", "head decoder",
        "decoder.weight=model.embeddings.tok_embeddings.weight", "")]
    public void A_model_has_the_adapter_and_the_head_of_the_folder(
        string headKind, string kind, string targets, string modules, string head, string saved, string savedAgain, string tied,
        string kept)
    {
        bool hasClasses = headKind == "classes";
        using FormulaFolder folder = kind == "modernbert" ? FormulaFolder.ModernBert(hasClasses ? "classes" : "lm")
            : hasClasses ? FormulaFolder.Classifier(kind) : FormulaFolder.Masked(kind);
        using EncoderTransformer model = Load(folder.Path);
        WriteAdapter(
            folder.Path, hasClasses ? "SEQ_CLS" : null, targets, modules.Split(' '), "", Split(head), saved.Length == 0 ? null : saved,
            tied: Split(tied));
        using EncoderTransformer tuned = LoadAdapter(_adapter.Path);
        Assert.Equal("films", tuned.ActiveAdapter);
        float[] found = Outputs(tuned);
        using (EncoderTransformer merged = Load(_merged.Path))
            Close(Outputs(merged), found);
        Assert.NotEqual(Outputs(model), found);

        // Written again, it is the same, with the whole head but its tied layer.
        using var again = new TemporaryFolder();
        if (tuned is TextClassificationTransformer classifier)
            classifier.SaveAdapter(again.Path);
        else
            ((MaskedLanguageModelTransformer)tuned).SaveAdapter(again.Path);
        Dictionary<string, Tensor> expected = Read(_adapter.File("adapter_model.safetensors"));
        Dictionary<string, Tensor> written = Read(again.File("adapter_model.safetensors"));
        string[] copies = [.. Split(tied).Select(pair => Prefix + pair.Split('=')[0])];
        Assert.Equal(
            expected.Keys.Except(copies).Concat(Split(kept).Select(name => Prefix + name)).Order(StringComparer.Ordinal),
            written.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected.Keys.Except(copies), name => Assert.True(written[name].allclose(expected[name], 0, 0), name));
        JsonNode config = JsonNode.Parse(File.ReadAllText(again.File("adapter_config.json")))!;
        Assert.Equal(hasClasses ? "SEQ_CLS" : null, (string?)config["task_type"]);
        Assert.Equal(Split(savedAgain), config["modules_to_save"]!.AsArray().Select(name => (string)name!));
        using EncoderTransformer loaded = LoadAdapter(again.Path);
        Assert.Equal(found, Outputs(loaded));

        using var file = new TemporaryFolder();
        _ml.Model.Save(tuned, null, file.File("model.zip"));
        using var stored = (EncoderTransformer)_ml.Model.Load(file.File("model.zip"), out _);
        Assert.Equal("films", stored.ActiveAdapter);
        Assert.Equal(found, Outputs(stored));

        EncoderTransformer Load(string path) => hasClasses
            ? _ml.Generative().LoadPretrainedTextClassification(path)
            : _ml.Generative().LoadPretrainedMaskedLanguageModel(path);

        EncoderTransformer LoadAdapter(string path) => model is TextClassificationTransformer classifier
            ? classifier.LoadAdapter(path, "films")
            : ((MaskedLanguageModelTransformer)model).LoadAdapter(path, "films");

        static float[] Outputs(EncoderTransformer model) => model is TextClassificationTransformer classifier
            ? Scores(classifier)
            : Probabilities((MaskedLanguageModelTransformer)model);
    }

    [Fact]
    public void An_encoder_alone_has_keys_without_the_prefix_of_a_model_with_a_head()
    {
        using FormulaFolder folder = FormulaFolder.Classifier("bert");
        using SentenceEmbeddingTransformer encoder = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        string[] modules = ["encoder.layer.1.attention.self.key", "encoder.layer.1.attention.self.value"];
        WriteAdapter(folder.Path, "FEATURE_EXTRACTION", "key value", modules, "bert.", [], null, """ "layers_to_transform": [1],""");
        using SentenceEmbeddingTransformer tuned = encoder.LoadAdapter(_adapter.Path), merged = _ml.Generative().LoadPretrainedEncoder(
            _merged.Path);
        Close(merged.Embed(Text), tuned.Embed(Text));
        Assert.NotEqual(encoder.Embed(Text), tuned.Embed(Text));

        using var again = new TemporaryFolder();
        tuned.SaveAdapter(again.Path);
        Assert.Equal(
            modules.SelectMany(module => (string[])[$"{Prefix}{module}.lora_A.weight", $"{Prefix}{module}.lora_B.weight"]),
            Read(again.File("adapter_model.safetensors")).Keys.Order(StringComparer.Ordinal));
        JsonNode config = JsonNode.Parse(File.ReadAllText(again.File("adapter_config.json")))!;
        Assert.Equal("FEATURE_EXTRACTION", (string?)config["task_type"]);
        using SentenceEmbeddingTransformer loaded = encoder.LoadAdapter(again.Path);
        Assert.Equal(tuned.Embed(Text), loaded.Embed(Text));

        Assert.Contains("uses the adapter 'default'", Assert.Throws<InvalidOperationException>(
            () => tuned.LoadAdapter(again.Path, "other")).Message);
        Assert.Contains("uses no adapter", Assert.Throws<InvalidOperationException>(() => encoder.SaveAdapter(again.Path)).Message);
    }

    [Fact]
    public void An_output_layer_that_was_trained_apart_from_the_embedding_is_refused()
    {
        using FormulaFolder folder = FormulaFolder.Masked("bert");
        using MaskedLanguageModelTransformer model = _ml.Generative().LoadPretrainedMaskedLanguageModel(folder.Path);
        string[] modules = ["bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.attention.self.query"];
        const string output = "cls.predictions.decoder.weight";
        WriteAdapter(folder.Path, null, "query", modules, "", ["cls"], "cls", tied: [$"{output}=bert.embeddings.word_embeddings.weight"]);
        Dictionary<string, Tensor> tensors = Read(_adapter.File("adapter_model.safetensors"));
        // Rounded it may be.
        tensors[Prefix + output] = tensors[Prefix + output].to(ScalarType.BFloat16);
        SafetensorsWriter.WriteFile(_adapter.File("adapter_model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
        model.LoadAdapter(_adapter.Path).Dispose();

        tensors[Prefix + output] = tensors[Prefix + output] * 1.1;
        SafetensorsWriter.WriteFile(_adapter.File("adapter_model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
        Assert.Contains($"'{Prefix}{output}' of its own", Assert.Throws<InvalidDataException>(
            () => model.LoadAdapter(_adapter.Path)).Message, StringComparison.Ordinal);
    }

    // PEFT then saves embedding and output layer as the base has them.
    [Fact]
    public void An_adapter_of_the_embedding_leaves_the_output_layer_as_it_is()
    {
        using FormulaFolder folder = FormulaFolder.Masked("bert");
        using MaskedLanguageModelTransformer model = _ml.Generative().LoadPretrainedMaskedLanguageModel(folder.Path);
        Tensor table = Read(Path.Combine(folder.Path, "model.safetensors"))["bert.embeddings.word_embeddings.weight"];
        const string module = Prefix + "bert.embeddings.word_embeddings";
        File.WriteAllText(_adapter.File("adapter_config.json"), """
            {"peft_type": "LORA", "task_type": null, "r": 2, "lora_alpha": 2, "target_modules": ["word_embeddings"]}
            """);
        SafetensorsWriter.WriteFile(_adapter.File("adapter_model.safetensors"),
        [
            ($"{module}.lora_embedding_A", randn(2, FormulaFolder.Vocabulary)),
            ($"{module}.lora_embedding_B", randn(FormulaFolder.Width, 2)),
            ($"{module}.base_layer.weight", table),
            (Prefix + "cls.predictions.decoder.weight", table),
        ]);
        using MaskedLanguageModelTransformer tuned = model.LoadAdapter(_adapter.Path);
        Assert.NotEqual(Probabilities(model), Probabilities(tuned));
        using var again = new TemporaryFolder();
        tuned.SaveAdapter(again.Path);
        using MaskedLanguageModelTransformer loaded = model.LoadAdapter(again.Path);
        Assert.Equal(Probabilities(tuned), Probabilities(loaded));
    }

    [Fact]
    public void A_trained_adapter_of_a_masked_language_model_comes_back_with_the_head_that_was_trained()
    {
        var options = new MaskedLanguageModelOptions { MaskProbability = 0.4 }.Tiny();
        options.MaxSteps = 1;
        using MaskedLanguageModelTransformer model = _ml.Transforms.Generative().MaskedLanguageModel(options).Fit(TinyEncoders.Data(_ml));
        options = new MaskedLanguageModelOptions { MaskProbability = 0.4, BaseModel = model, Adapter = new LoraOptions { Rank = 2 } }
            .Tiny().Based();
        (options.MaxSteps, options.LearningRate) = (3, 0.1);
        using MaskedLanguageModelTransformer tuned = _ml.Transforms.Generative().MaskedLanguageModel(options).Fit(TinyEncoders.Data(_ml));
        tuned.SaveAdapter(_adapter.Path);
        using MaskedLanguageModelTransformer loaded = model.LoadAdapter(_adapter.Path);
        float[] found = Probabilities(tuned, "the [MASK] sees");
        Assert.Equal(found, Probabilities(loaded, "the [MASK] sees"));
        Assert.NotEqual(Probabilities(model, "the [MASK] sees"), found);
        Assert.Contains("uses no adapter", Assert.Throws<InvalidOperationException>(() => model.SaveAdapter(_adapter.Path)).Message);
        Assert.Contains("uses the adapter 'default'", Assert.Throws<InvalidOperationException>(
            () => tuned.LoadAdapter(_adapter.Path, "other")).Message);
    }

    [Theory]
    [InlineData("q_lin", "'q_lin', which is no module of the network")]
    [InlineData("value", "4 missing: base_model.model.encoder.layer.0.attention.self.value.lora_A.weight")]
    [InlineData("value", "4 unexpected: 'base_model.model.encoder.layer.0.attention.self.query.lora_A.weight'")]
    public void Keys_that_match_nothing_or_are_missing_are_listed(string target, string expected)
    {
        using FormulaFolder folder = FormulaFolder.Classifier("bert");
        using SentenceEmbeddingTransformer encoder = _ml.Generative().LoadPretrainedEncoder(folder.Path);
        string[] modules = ["encoder.layer.0.attention.self.query", "encoder.layer.1.attention.self.query"];
        WriteAdapter(folder.Path, "FEATURE_EXTRACTION", target, modules, "bert.", [], null);
        Assert.Contains(
            expected, Assert.Throws<InvalidDataException>(() => encoder.LoadAdapter(_adapter.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_that_the_configuration_names_and_the_file_lacks_is_an_error()
    {
        using FormulaFolder folder = FormulaFolder.Classifier("bert");
        using TextClassificationTransformer model = _ml.Generative().LoadPretrainedTextClassification(folder.Path);
        string[] modules = ["bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.attention.self.query"];
        WriteAdapter(folder.Path, "SEQ_CLS", "query", modules, "", [], "classifier");
        Assert.Contains("2 missing: base_model.model.classifier.weight", Assert.Throws<InvalidDataException>(
            () => model.LoadAdapter(_adapter.Path)).Message, StringComparison.Ordinal);
    }

    // An adapter, and a folder with the same weights without it.
    private void WriteAdapter(
        string folder, string? task, string targets, string[] modules, string prefix, string[] head, string? saved, string more = "",
        string[]? tied = null)
    {
        Dictionary<string, Tensor> weights = Read(Path.Combine(folder, "model.safetensors")), tensors = [];
        foreach (string module in modules)
        {
            Tensor weight = weights[$"{prefix}{module}.weight"]; // [outputs, inputs]
            Tensor a = randn(3, weight.size(1)), b = randn(weight.size(0), 3) * 0.3;
            weight.add_(b.mm(a) * 2);
            tensors.Add($"{Prefix}{module}.lora_A.weight", a);
            tensors.Add($"{Prefix}{module}.lora_B.weight", b);
        }

        foreach (string name in weights.Keys.Where(name => head.Any(
            module => name.StartsWith(module + ".", StringComparison.Ordinal))).ToArray())
        {
            weights[name] = randn(weights[name].shape);
            tensors.Add(Prefix + name, weights[name]);
        }

        foreach (string[] pair in (tied ?? []).Select(pair => pair.Split('=')))
            tensors.Add(Prefix + pair[0], weights[pair[1]].clone());

        File.WriteAllText(_adapter.File("adapter_config.json"), $$"""
            {"peft_type": "LORA", "task_type": {{(task is null ? "null" : Quoted(task))}}, "r": 3, "lora_alpha": 6,
             "target_modules": [{{Quoted(targets)}}],{{more}}
             "modules_to_save": {{(saved is null ? "null" : $"[{Quoted(saved)}]")}}}
            """);
        SafetensorsWriter.WriteFile(_adapter.File("adapter_model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
        foreach (string file in (string[])["config.json", "vocab.txt"])
            File.Copy(Path.Combine(folder, file), _merged.File(file));
        SafetensorsWriter.WriteFile(_merged.File("model.safetensors"), weights.Select(t => (t.Key, t.Value)));

        static string Quoted(string names) => string.Join(", ", names.Split(' ').Select(name => $"\"{name}\""));
    }

    private static string[] Split(string names) => names.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    // Of each token, in the order of their texts.
    private static float[] Probabilities(MaskedLanguageModelTransformer model, string text = "a b [MASK] i h e") =>
        [.. model.FillMask(text, top: 1000).OrderBy(found => found.Text, StringComparer.Ordinal).Select(found => found.Probability)];

    private static float[] Scores(TextClassificationTransformer model) => model.Transform(
        _ml.Data.LoadFromEnumerable([new { Sentence1 = Text }])).GetColumn<float[]>("Score").Single();

    private static Dictionary<string, Tensor> Read(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Dictionary<string, Tensor> all = file.Tensors.Values.ToDictionary(t => t.Name, t => empty(t.Shape, t.Type));
        file.ReadInto(all);
        return all;
    }

    private static void Close(float[] expected, float[] found) =>
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -1e-5f, 1e-5f));
}
