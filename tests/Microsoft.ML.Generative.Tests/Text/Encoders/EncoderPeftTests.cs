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

    [Theory]
    [InlineData("bert", "query dense", "bert.encoder.layer.0.attention.self.query bert.encoder.layer.0.attention.output.dense "
        + "bert.encoder.layer.0.intermediate.dense bert.encoder.layer.0.output.dense bert.encoder.layer.1.attention.self.query "
        + "bert.encoder.layer.1.attention.output.dense bert.encoder.layer.1.intermediate.dense bert.encoder.layer.1.output.dense",
        "classifier", "classifier score")]
    [InlineData("roberta", "value", "roberta.encoder.layer.0.attention.self.value roberta.encoder.layer.1.attention.self.value",
        "classifier.dense classifier.out_proj", "classifier score")]
    [InlineData("distilbert", "q_lin lin2", "distilbert.transformer.layer.0.attention.q_lin distilbert.transformer.layer.0.ffn.lin2 "
        + "distilbert.transformer.layer.1.attention.q_lin distilbert.transformer.layer.1.ffn.lin2",
        "pre_classifier classifier", "pre_classifier classifier score")]
    [InlineData("modernbert", "Wqkv Wi", "model.layers.0.attn.Wqkv model.layers.0.mlp.Wi model.layers.1.attn.Wqkv model.layers.1.mlp.Wi "
        + "model.layers.2.attn.Wqkv model.layers.2.mlp.Wi model.layers.3.attn.Wqkv model.layers.3.mlp.Wi",
        "classifier", "classifier score")]
    public void A_classifier_has_the_adapter_and_the_head_of_the_folder(
        string kind, string targets, string modules, string head, string saved)
    {
        using FormulaFolder folder = kind == "modernbert" ? FormulaFolder.ModernBert("classes") : FormulaFolder.Classifier(kind);
        using TextClassificationTransformer model = _ml.Generative().LoadPretrainedTextClassification(folder.Path);
        WriteAdapter(folder.Path, "SEQ_CLS", targets, modules.Split(' '), "", head.Split(' '), saved);
        using TextClassificationTransformer tuned = model.LoadAdapter(_adapter.Path, "films");
        Assert.Equal("films", tuned.ActiveAdapter);
        float[] scores = Scores(tuned);
        using (TextClassificationTransformer merged = _ml.Generative().LoadPretrainedTextClassification(_merged.Path))
            Close(Scores(merged), scores);
        Assert.NotEqual(Scores(model), scores);

        // Written again, it is the same, with the whole head.
        using var again = new TemporaryFolder();
        tuned.SaveAdapter(again.Path);
        Dictionary<string, Tensor> written = Read(again.File("adapter_model.safetensors"));
        foreach ((string name, Tensor expected) in Read(_adapter.File("adapter_model.safetensors")))
            Assert.True(written[name].allclose(expected, 0, 0), name);
        Assert.All(
            written.Keys.Except(Read(_adapter.File("adapter_model.safetensors")).Keys),
            name => Assert.Matches(@"^base_model\.model\.(bert\.pooler\.dense|head\.dense|head\.norm)\.(weight|bias)$", name));
        JsonNode config = JsonNode.Parse(File.ReadAllText(again.File("adapter_config.json")))!;
        Assert.Equal("SEQ_CLS", (string?)config["task_type"]);
        Assert.Equal(
            kind switch
            {
                "bert" => ["pooler", "classifier"],
                "roberta" => ["classifier"],
                "distilbert" => ["pre_classifier", "classifier"],
                _ => (string[])["head", "classifier"],
            },
            config["modules_to_save"]!.AsArray().Select(name => (string)name!));
        using TextClassificationTransformer loaded = model.LoadAdapter(again.Path);
        Assert.Equal(scores, Scores(loaded));

        using var file = new TemporaryFolder();
        _ml.Model.Save(tuned, null, file.File("model.zip"));
        using var stored = (TextClassificationTransformer)_ml.Model.Load(file.File("model.zip"), out _);
        Assert.Equal("films", stored.ActiveAdapter);
        Assert.Equal(scores, Scores(stored));
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
        string folder, string task, string targets, string[] modules, string prefix, string[] head, string? saved, string more = "")
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

        foreach (string name in head.SelectMany(module => (string[])[$"{module}.weight", $"{module}.bias"]))
        {
            weights[name] = randn(weights[name].shape);
            tensors.Add(Prefix + name, weights[name]);
        }

        File.WriteAllText(_adapter.File("adapter_config.json"), $$"""
            {"peft_type": "LORA", "task_type": "{{task}}", "r": 3, "lora_alpha": 6, "target_modules": [{{Quoted(targets)}}],{{more}}
             "modules_to_save": {{(saved is null ? "null" : $"[{Quoted(saved)}]")}}}
            """);
        SafetensorsWriter.WriteFile(_adapter.File("adapter_model.safetensors"), tensors.Select(t => (t.Key, t.Value)));
        foreach (string file in (string[])["config.json", "vocab.txt"])
            File.Copy(Path.Combine(folder, file), _merged.File(file));
        SafetensorsWriter.WriteFile(_merged.File("model.safetensors"), weights.Select(t => (t.Key, t.Value)));

        static string Quoted(string names) => string.Join(", ", names.Split(' ').Select(name => $"\"{name}\""));
    }

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
