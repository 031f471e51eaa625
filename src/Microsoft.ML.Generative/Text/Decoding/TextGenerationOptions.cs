using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Decoding.Json;

namespace Microsoft.ML.Generative;

/// <summary>What happens when a text outgrows the tokens that a model sees at once.</summary>
public enum ContextOverflow
{
    /// <summary>The model continues with the newer half of what it sees.</summary>
    SlidingWindow,

    /// <summary>A prompt that leaves no room for <see cref="TextGenerationOptions.MaxTokens"/> is refused.</summary>
    Error,
}

/// <summary>How a language model chooses tokens.</summary>
/// <remarks>
/// The parts act in the order of transformers: bias, penalties, temperature, top-k, top-p, min-p, typical; a watermark comes between
/// penalties and temperature. With <see cref="Seed"/>, a text depends on the seed, the prompt and the model alone, not on the texts that
/// are generated at the same time.
/// <para>
/// With a JSON <see cref="ResponseFormat"/>, only tokens with which the text can still become complete within <see cref="MaxTokens"/> are
/// sampled, and the text ends where it is complete: it can always be parsed, unless a stop string cuts it. Where it would grow too long,
/// its strings, arrays and objects are closed early.
/// </para>
/// <para>
/// Supported keywords of a schema: <c>type</c>, <c>properties</c>, <c>required</c>, <c>additionalProperties</c>, <c>items</c>,
/// <c>minItems</c>, <c>maxItems</c>, <c>minLength</c>, <c>maxLength</c>, <c>pattern</c> (as the pattern of the whole text), <c>format</c>
/// (uuid, date, time, date-time, duration, email, hostname, ipv4, uri; of whole numbers int8 to uint64), <c>contentEncoding</c> (base64),
/// <c>minimum</c>, <c>maximum</c>, <c>exclusiveMinimum</c>, <c>exclusiveMaximum</c>, <c>enum</c>, <c>const</c>, <c>anyOf</c> and
/// <c>oneOf</c> of values of different types or of objects with a property that has another constant in each, and <c>$ref</c> within the
/// schema. Annotations are ignored, and other keywords refused. Whole numbers are those of an <see cref="int"/> where the schema names no
/// other bounds. Properties come in the schema's order, others only where <c>additionalProperties</c> allows them or no property is named.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// string text = model.Generate("Once upon a time", new() { MaxTokens = 200, Temperature = 0.8, TopP = 0.95, Seed = 7 });
/// </code>
/// </example>
public sealed class TextGenerationOptions
{
    private const int MostBeams = 1024;

    // Beyond these, floats hold no more than the order of logits, or not even that.
    private const double LowestTemperature = 1e-6;
    private const double HighestTemperature = 100;
    private const double MostPenalty = 100;
    private const double MostBias = 10_000;
    private const double MostLengthPenalty = 10;

    /// <summary>Tokens that are generated at most, at least 1. Default: 128.</summary>
    public int MaxTokens { get; set; } = 128;

    /// <summary>
    /// What the logits are divided by, 0.000001 to 100: below 1 more typical texts. 0: always the most probable token. Default: 1.
    /// </summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// The number of the most probable tokens that are sampled, with those as probable as the last of them, at least 1 (Fan, Lewis,
    /// Dauphin 2018). Default: all.
    /// </summary>
    public int? TopK { get; set; }

    /// <summary>
    /// Only the most probable tokens that together have this probability are sampled, above 0, at most 1 (Holtzman et al. 2019). Default:
    /// 1, all.
    /// </summary>
    public double TopP { get; set; } = 1;

    /// <summary>
    /// Only tokens at least this part as probable as the most probable one are sampled from, 0 to 1 (Nguyen et al. 2024). Default: 0, all.
    /// </summary>
    public double MinP { get; set; }

    /// <summary>
    /// Only the tokens nearest to the expected information that together have this probability are sampled, above 0, at most 1 (Meister et
    /// al. 2022).
    /// Default: 1, all.
    /// </summary>
    public double TypicalP { get; set; } = 1;

    /// <summary>
    /// Logits of tokens that were in the prompt or the text are divided by this if positive, else multiplied, 0.01 to 100 (Keskar et al.
    /// 2019). Default: 1, none.
    /// </summary>
    public double RepetitionPenalty { get; set; } = 1;

    /// <summary>What is subtracted from a token's logit for each time that it was generated, −100 to 100. Default: 0.</summary>
    public double FrequencyPenalty { get; set; }

    /// <summary>What is subtracted from a token's logit once it was generated, −100 to 100. Default: 0.</summary>
    public double PresencePenalty { get; set; }

    /// <summary>
    /// What is added to the logits of tokens, by their ids: −10,000 to 10,000, or −∞, which forbids a token. Not all may be forbidden.
    /// Default: none.
    /// </summary>
    [JsonNumberHandling(JsonNumberHandling.AllowNamedFloatingPointLiterals)]
    public IReadOnlyDictionary<int, float>? LogitBias { get; set; }

    /// <summary>
    /// Texts that beam search follows at a time, 1 to 1,024; more than 1 looks for the most probable text instead of sampling one, so that
    /// temperature and
    /// the filters have to be left at their defaults. Default: 1, no beam search.
    /// </summary>
    public int Beams { get; set; } = 1;

    /// <summary>
    /// Beam search divides the logarithm of a text's probability by its number of tokens, with the one that ends it, to this power, −10 to
    /// 10: above 0 prefers longer texts, below 0 shorter ones. Default: 1.
    /// </summary>
    public double LengthPenalty { get; set; } = 1;

    /// <summary>
    /// Texts that end the generation and are not part of the result. Default: none; the tokens that end a text always do.
    /// </summary>
    public IReadOnlyList<string> StopStrings { get; set; } = [];

    /// <summary>
    /// What the text has to be. With <see cref="ChatResponseFormat.Json"/> it is a JSON object, with a schema a value of that schema; see
    /// the remarks. It is not
    /// told to the model, which writes better JSON if the prompt asks for it. Default: any text.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ChatResponseFormat? ResponseFormat { get; set; }

    /// <summary>
    /// Marks texts so that whoever has the key can tell that the model wrote them. It is not saved with a model, since its key is a secret.
    /// Default: none.
    /// </summary>
    [JsonIgnore]
    public TextWatermark? Watermark { get; set; }

    /// <summary>The same seed gives the same text. Default: the context's seed, else a new one.</summary>
    public int? Seed { get; set; }

    /// <summary>What happens when the text outgrows the model's context. Default: <see cref="ContextOverflow.SlidingWindow"/>.</summary>
    public ContextOverflow ContextOverflow { get; set; }

    /// <summary>
    /// Guesses tokens ahead, which the model checks all at once: the same text in less time. It is not saved with a model. Default: none.
    /// </summary>
    [JsonIgnore]
    public SpeculativeDecoding? Speculation { get; set; }

    /// <summary>
    /// Receives tokens, time and guesses of each text when it ends, on the thread that generates it; beam search reports none. It is not
    /// saved with a model. Default: nobody.
    /// </summary>
    [JsonIgnore]
    public IProgress<TextGenerationStatistics>? Statistics { get; set; }

    internal TextGenerationOptions Copy()
    {
        var copy = (TextGenerationOptions)MemberwiseClone();
        copy.StopStrings = [.. StopStrings ?? []];
        if (ResponseFormat is ChatResponseFormatJson { Schema: { } schema } json)
            copy.ResponseFormat = new ChatResponseFormatJson(schema.Clone(), json.SchemaName, json.SchemaDescription);
        copy.LogitBias = LogitBias is null ? null : new Dictionary<int, float>(LogitBias);
        return copy;
    }

    /// <exception cref="ArgumentException">
    /// An option is out of its range, or options contradict each other; the message names them.
    /// </exception>
    /// <exception cref="NotSupportedException">The schema of <see cref="ResponseFormat"/> has a keyword that is not supported.</exception>
    internal void Validate(int vocabularySize)
    {
        OptionChecks.AtLeast(MaxTokens, 1);
        OptionChecks.ZeroOrBetween(Temperature, LowestTemperature, HighestTemperature);
        OptionChecks.AtLeast(TopK, 1);
        OptionChecks.Positive(TopP);
        OptionChecks.Between(TopP, 0, 1);
        OptionChecks.Between(MinP, 0, 1);
        OptionChecks.Positive(TypicalP);
        OptionChecks.Between(TypicalP, 0, 1);
        OptionChecks.Between(RepetitionPenalty, 1 / MostPenalty, MostPenalty);
        OptionChecks.Between(FrequencyPenalty, -MostPenalty, MostPenalty);
        OptionChecks.Between(PresencePenalty, -MostPenalty, MostPenalty);
        OptionChecks.Between(Beams, 1, MostBeams);
        OptionChecks.Between(LengthPenalty, -MostLengthPenalty, MostLengthPenalty);
        OptionChecks.Defined(ContextOverflow);
        if (JsonGrammar.Of(ResponseFormat) is not null && Beams > 1)
            throw new ArgumentException($"{nameof(Beams)} is {Beams}: beam search cannot follow {nameof(ResponseFormat)}.");
        if (StopStrings is null || StopStrings.Any(string.IsNullOrEmpty))
            throw new ArgumentException($"{nameof(StopStrings)} holds an empty text; expected texts of at least a character.");
        CheckBias(vocabularySize);
        Watermark?.Validate();
        if (Beams > 1 && (Temperature != 1 || TopK is not null || TopP != 1 || MinP != 0 || TypicalP != 1))
            throw new ArgumentException(
                $"{nameof(Beams)} is {Beams}: beam search samples nothing, so {nameof(Temperature)}, {nameof(TopK)}, {nameof(TopP)}, "
                + $"{nameof(MinP)} and {nameof(TypicalP)} have to be left as they are.");
        if (Beams > 1 && Speculation is not null)
            throw new ArgumentException($"{nameof(Beams)} is {Beams}: beam search cannot be combined with {nameof(Speculation)}.");
        if (Beams == 1 && LengthPenalty != 1)
            throw new ArgumentException($"{nameof(LengthPenalty)} is {LengthPenalty}, but there is no beam search: set {nameof(Beams)}.");
    }

    private void CheckBias(int vocabularySize)
    {
        int forbidden = 0;
        foreach ((int token, float bias) in LogitBias ?? new Dictionary<int, float>())
        {
            if (token < 0 || token >= vocabularySize)
                throw new ArgumentException($"{nameof(LogitBias)} is for token {token}; expected 0 to {vocabularySize - 1}.");
            if (float.IsNegativeInfinity(bias))
                forbidden++;
            else if (!(Math.Abs(bias) <= MostBias))
                throw new ArgumentException(
                    $"{nameof(LogitBias)} of token {token} is {bias}; expected {-MostBias} to {MostBias}, or −∞, which forbids it.");
        }

        if (forbidden == vocabularySize)
            throw new ArgumentException($"{nameof(LogitBias)} forbids all {vocabularySize} tokens; expected at least one that may come.");
    }
}
