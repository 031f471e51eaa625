using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Serialization;

namespace Microsoft.ML.Generative.Text.Encoders.Pretrained;

/// <summary>What the <c>config.json</c> of an encoder says of a head that classifies texts.</summary>
/// <param name="Labels">The names of the classes, in the order of their numbers.</param>
/// <param name="Pooling">How the vectors of tokens become one.</param>
/// <param name="Obstacle">Why the head is not supported, as an error says it; <see langword="null"/>: it is.</param>
internal sealed record ClassifierConfig(string[] Labels, EmbeddingPooling Pooling, string? Obstacle)
{
    private const string LabelsName = "id2label";
    private const string CountName = "num_labels";
    private const string ProblemName = "problem_type";
    private const string PoolingName = "classifier_pooling";

    private static readonly Dictionary<string, EmbeddingPooling> _poolings = new()
    {
        ["cls"] = EmbeddingPooling.FirstToken,
        ["mean"] = EmbeddingPooling.Mean,
    };

    /// <summary>Two classes, as transformers has it where a configuration says nothing.</summary>
    public static ClassifierConfig Default { get; } = new(NamesOf(2), EmbeddingPooling.FirstToken, null);

    /// <summary>Reads it. What is wrong or not supported is no error as long as nobody asks for the head.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="choosesPooling">Whether it says how the vectors of tokens become one: ModernBERT's.</param>
    public static ClassifierConfig Read(ConfigReader json, bool choosesPooling)
    {
        try
        {
            string[] labels = ReadLabels(json);
            EmbeddingPooling pooling = choosesPooling ? json.Choose(PoolingName, "cls", _poolings) : EmbeddingPooling.FirstToken;
            if (json.Text(ProblemName) is { } problem and not "single_label_classification")
            {
                throw json.Bad(
                    $"'{ProblemName}' is {Quoted.Text(problem)}; supported values: single_label_classification, one class of several");
            }

            if (labels.Length < 2)
                throw json.Bad($"it has {labels.Length} label, a regression; expected 2 or more, one class of several");
            if (labels.GroupBy(label => label).FirstOrDefault(same => same.Skip(1).Any()) is { } twice)
                throw json.Bad($"'{LabelsName}' has {Quoted.Text(twice.Key)} more than once; expected different names");
            return new ClassifierConfig(labels, pooling, null);
        }
        catch (InvalidDataException e)
        {
            return Default with { Obstacle = e.Message };
        }
    }

    private static string[] ReadLabels(ConfigReader json)
    {
        if (json.Object(LabelsName) is not { } labels)
            return NamesOf(json.Count(CountName) ?? 2);
        string[] names = [.. labels.Names];
        return [.. Enumerable.Range(0, names.Length).Select(i => labels.Text($"{i}") ?? throw json.Bad(
            $"'{LabelsName}' has {names.Length} labels, but none of the number {i}; expected numbers from 0 on"))];
    }

    private static string[] NamesOf(int count) => [.. Enumerable.Range(0, count).Select(i => $"LABEL_{i}")];
}
