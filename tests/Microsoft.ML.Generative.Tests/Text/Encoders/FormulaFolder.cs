using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Serialization.Safetensors;
using TorchSharp;

namespace Microsoft.ML.Generative.Tests;

/// <summary>
/// Folders in the layout of Hugging Face whose weights follow from their names, so that another program can have the same: value i of a
/// tensor is 0.4 sin(0.7 i + k), of the weight of a normalization 1 + 0.3 sin(0.7 i + k), with k the sum of the bytes of its name modulo
/// 97. The vocabulary is [PAD] [UNK] [CLS] [SEP] [MASK] a b c d e f g h i.
/// </summary>
internal sealed class FormulaFolder : IDisposable
{
    public const int Width = 12;
    public const int Inner = 20;
    public const int Vocabulary = 14;
    public const int Classes = 3;

    private readonly TemporaryFolder _folder = new();
    private readonly List<(string Name, long[] Shape)> _tensors = [];

    public string Path => _folder.Path;

    public JsonObject Config { get; } = [];

    public static FormulaFolder Classifier(string kind)
    {
        FormulaFolder folder = Bert(kind);
        if (kind == "bert")
            folder.Linear("bert.pooler.dense", Width, Width);
        if (kind != "bert")
            folder.Linear(kind == "roberta" ? "classifier.dense" : "pre_classifier", Width, Width);
        folder.Linear(kind == "roberta" ? "classifier.out_proj" : "classifier", Classes, Width);
        return folder.Write();
    }

    /// <summary>An encoder with what predicts masked tokens: bert, roberta or distilbert.</summary>
    public static FormulaFolder Masked(string kind)
    {
        FormulaFolder folder = Bert(kind);
        (string dense, string norm, string bias) = kind switch
        {
            "bert" => ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
            "roberta" => ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
            _ => ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
        };
        folder.Linear(dense, Width, Width);
        folder.Norm(norm);
        folder.Add(bias, Vocabulary);
        return folder.Write();
    }

    /// <param name="head">lm, classes or none.</param>
    /// <param name="pooling">Of a head of classes: cls or mean.</param>
    public static FormulaFolder ModernBert(string head, string pooling = "cls")
    {
        var folder = new FormulaFolder();
        (folder.Config["model_type"], folder.Config["vocab_size"], folder.Config["hidden_size"]) = ("modernbert", Vocabulary, Width);
        (folder.Config["num_hidden_layers"], folder.Config["num_attention_heads"], folder.Config["intermediate_size"]) = (4, 2, Inner);
        (folder.Config["max_position_embeddings"], folder.Config["local_attention"]) = (64, 4);
        (folder.Config["global_rope_theta"], folder.Config["local_rope_theta"]) = (160_000.0, 10_000.0);
        (folder.Config["global_attn_every_n_layers"], folder.Config["classifier_pooling"]) = (3, pooling);
        folder.Add("model.embeddings.tok_embeddings.weight", Vocabulary, Width);
        folder.Add("model.embeddings.norm.weight", Width);
        for (int i = 0; i < 4; i++)
        {
            string name = $"model.layers.{i}";
            if (i > 0)
                folder.Add($"{name}.attn_norm.weight", Width);
            folder.Add($"{name}.attn.Wqkv.weight", 3 * Width, Width);
            folder.Add($"{name}.attn.Wo.weight", Width, Width);
            folder.Add($"{name}.mlp_norm.weight", Width);
            folder.Add($"{name}.mlp.Wi.weight", 2 * Inner, Width);
            folder.Add($"{name}.mlp.Wo.weight", Width, Inner);
        }

        folder.Add("model.final_norm.weight", Width);
        if (head != "none")
        {
            folder.Add("head.dense.weight", Width, Width);
            folder.Add("head.norm.weight", Width);
        }

        if (head == "lm")
            folder.Add("decoder.bias", Vocabulary);
        if (head == "classes")
            folder.Linear("classifier", Classes, Width);
        folder.AddLabels();
        return folder.Write();
    }

    /// <summary>Writes the configuration again, after it was changed.</summary>
    public void WriteConfig() => File.WriteAllText(_folder.File("config.json"), Config.ToJsonString());

    public void Dispose() => _folder.Dispose();

    private static FormulaFolder Bert(string kind)
    {
        var folder = new FormulaFolder();
        bool isDistil = kind == "distilbert";
        (folder.Config["model_type"], folder.Config["vocab_size"]) = (kind, Vocabulary);
        (folder.Config[isDistil ? "dim" : "hidden_size"], folder.Config[isDistil ? "hidden_dim" : "intermediate_size"]) = (Width, Inner);
        (folder.Config[isDistil ? "n_layers" : "num_hidden_layers"], folder.Config[isDistil ? "n_heads" : "num_attention_heads"]) = (2, 2);
        int rows = kind == "roberta" ? 22 : 20, segments = kind == "roberta" ? 1 : 2;
        folder.Config["max_position_embeddings"] = rows;
        if (!isDistil)
            (folder.Config["type_vocab_size"], folder.Config["layer_norm_eps"]) = (segments, kind == "roberta" ? 1e-5 : 1e-12);
        folder.AddLabels();
        folder.Add($"{kind}.embeddings.word_embeddings.weight", Vocabulary, Width);
        folder.Add($"{kind}.embeddings.position_embeddings.weight", rows, Width);
        if (!isDistil)
            folder.Add($"{kind}.embeddings.token_type_embeddings.weight", segments, Width);
        folder.Norm($"{kind}.embeddings.LayerNorm");
        for (int i = 0; i < 2; i++)
        {
            string name = isDistil ? $"distilbert.transformer.layer.{i}" : $"{kind}.encoder.layer.{i}";
            foreach (string part in (string[])(isDistil
                ? ["attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"]
                : ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]))
                folder.Linear($"{name}.{part}", Width, Width);
            folder.Norm($"{name}.{(isDistil ? "sa_layer_norm" : "attention.output.LayerNorm")}");
            folder.Linear($"{name}.{(isDistil ? "ffn.lin1" : "intermediate.dense")}", Inner, Width);
            folder.Linear($"{name}.{(isDistil ? "ffn.lin2" : "output.dense")}", Width, Inner);
            folder.Norm($"{name}.{(isDistil ? "output_layer_norm" : "output.LayerNorm")}");
        }

        return folder;
    }

    private void AddLabels() => Config["id2label"] = new JsonObject { ["0"] = "bad", ["1"] = "so-so", ["2"] = "good" };

    private FormulaFolder Write()
    {
        using DisposeScope scope = torch.NewDisposeScope();
        SafetensorsShards.Write(Path, _tensors.Select(tensor => (tensor.Name, Values(tensor.Name, tensor.Shape))));
        File.WriteAllLines(
            _folder.File("vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. "abcdefghi".Select(letter => $"{letter}")]);
        WriteConfig();
        return this;
    }

    private static torch.Tensor Values(string name, long[] shape)
    {
        int k = Encoding.UTF8.GetBytes(name).Sum(b => b) % 97;
        bool isGain = name.Contains("norm", StringComparison.OrdinalIgnoreCase) && name.EndsWith("weight", StringComparison.Ordinal);
        float[] values = [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (product, size) => product * size))
            .Select(i => Math.Sin(0.7 * i + k)).Select(sine => (float)(isGain ? 1 + 0.3 * sine : 0.4 * sine))];
        return torch.tensor(values, shape);
    }

    private void Add(string name, params long[] shape) => _tensors.Add((name, shape));

    private void Norm(string name)
    {
        Add($"{name}.weight", Width);
        Add($"{name}.bias", Width);
    }

    private void Linear(string name, long outputs, long inputs)
    {
        Add($"{name}.weight", outputs, inputs);
        Add($"{name}.bias", outputs);
    }
}
