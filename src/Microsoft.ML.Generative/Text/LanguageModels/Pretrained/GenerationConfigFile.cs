using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;

namespace Microsoft.ML.Generative.Text.LanguageModels.Pretrained;

/// <summary>
/// The <c>generation_config.json</c> beside a language model: how it generates by default. A key that is missing or null has the default of
/// transformers (version 5), which is greedy decoding.
/// </summary>
internal static class GenerationConfigFile
{
    public const string Name = "generation_config.json";

    private const int DefaultTopK = 50;

    // What changes texts and has no counterpart here, with the values that change nothing.
    private static readonly (string Name, string[] Neutral)[] _unsupported =
    [
        ("num_beams", ["1"]), ("min_length", ["0"]), ("min_new_tokens", ["0"]), ("no_repeat_ngram_size", ["0"]), ("bad_words_ids", ["[]"]),
        ("suppress_tokens", ["[]"]), ("begin_suppress_tokens", ["[]"]), ("sequence_bias", ["[]", "{}"]), ("force_words_ids", ["[]"]),
        ("forced_bos_token_id", []), ("forced_eos_token_id", []), ("exponential_decay_length_penalty", []),
        ("guidance_scale", ["1", "1.0"]), ("epsilon_cutoff", ["0", "0.0"]), ("eta_cutoff", ["0", "0.0"]), ("penalty_alpha", ["0", "0.0"]),
    ];

    /// <summary>Reads the file into options.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">The options to set.</param>
    /// <param name="vocabularySize">Tokens that the model knows.</param>
    /// <param name="warn">Receives a sentence if the file asks for what is not supported.</param>
    /// <returns>The tokens that end a text, if the file has any.</returns>
    /// <exception cref="InvalidDataException">It is not in well-formed JSON, or a value is out of its range.</exception>
    public static IReadOnlyList<int>? Read(string path, TextGenerationOptions options, int vocabularySize, Action<string> warn) =>
        ConfigReader.ReadFile(path, json =>
        {
            bool samples = json.Truth("do_sample") ?? false;
            options.Temperature = samples ? json.Number("temperature") ?? 1 : 0;
            options.TopK = (json.Count("top_k") ?? (samples ? DefaultTopK : 0)) is > 0 and var k ? k : null;
            options.TopP = json.Number("top_p") ?? 1;
            options.MinP = json.Number("min_p") ?? 0;
            options.TypicalP = json.Number("typical_p") ?? 1;
            options.RepetitionPenalty = json.Number("repetition_penalty") ?? 1;
            if (json.Count("max_new_tokens") is > 0 and var most)
                options.MaxTokens = most;
            options.StopStrings = json.TextOrTexts("stop_strings") ?? [];
            json.Check(() => options.Validate(vocabularySize));

            string[] unsupported =
            [
                .. _unsupported.Where(key => json.RawOf(key.Name) is { } raw && raw != "null" && !key.Neutral.Contains(raw))
                    .Select(key => $"{key.Name} {json.RawOf(key.Name)}"),
            ];
            if (unsupported.Length > 0)
                warn($"'{path}' asks for {string.Join(", ", unsupported)}, which is ignored.");
            return json.Counts(HuggingFaceConfig.EndsName);
        });

    /// <summary>The file's content.</summary>
    public static JsonObject Make(TextCodec codec, TextGenerationOptions options)
    {
        bool samples = options.Temperature > 0;
        var json = new JsonObject
        {
            ["bos_token_id"] = codec.Special.Bos,
            [HuggingFaceConfig.EndsName] = HuggingFaceConfig.EndsJson(codec),
            ["do_sample"] = samples,
            ["max_new_tokens"] = options.MaxTokens,
        };
        if (samples)
            json["temperature"] = options.Temperature;
        // Missing, it would be 50.
        if (samples || options.TopK is not null)
            json["top_k"] = options.TopK ?? 0;
        (json["top_p"], json["min_p"], json["typical_p"]) = (options.TopP, options.MinP, options.TypicalP);
        json["repetition_penalty"] = options.RepetitionPenalty;
        if (options.StopStrings.Count > 0)
            json["stop_strings"] = new JsonArray([.. options.StopStrings.Select(text => (JsonNode)text)]);
        return json;
    }
}
