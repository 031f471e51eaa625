using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative;

/// <summary>
/// A watermark of generated texts (Kirchenbauer et al. 2023): a secret key and the tokens before each place make some tokens of the
/// vocabulary green, and green ones are chosen a little more often. Whoever has the key can count them and tell a text of the model from
/// others, without the model.
/// </summary>
/// <remarks>
/// A token is green with the probability γ = <see cref="GreenFraction"/>, by a keyed hash (HMAC-SHA256) of the
/// <see cref="ContextWidth"/> tokens before it. The logits of green tokens are raised by δ = <see cref="Bias"/>. A text that was written
/// without the key has γT green tokens of T on average, with a variance of Tγ(1 − γ).
/// <para>
/// The watermark needs choices: where a model is nearly certain of the next token, as in code, citations or JSON of a schema, it leaves
/// little trace. It survives changes of some words, but not a paraphrase of the whole text.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// LanguageModelTransformer model = mlContext.Generative().LoadPretrainedLanguageModel("models/SmolLM2-135M");
/// var watermark = new TextWatermark { Key = Environment.GetEnvironmentVariable("WATERMARK_KEY")! };
/// string text = model.Generate("Once upon a time", new() { MaxTokens = 200, Watermark = watermark });
/// TextWatermarkDetection found = watermark.Detect(text, model.Tokenizer);
/// Console.WriteLine($"{found.GreenTokens} of {found.Tokens} tokens are green: z = {found.ZScore:F1}, p = {found.PValue:G2}");
/// </code>
/// </example>
public sealed class TextWatermark
{
    private const int MostContextWidth = 16;
    private const double MostBias = 100;
    private const int HashBits = 53;

    private readonly byte[] _key = [];

    /// <summary>The secret. Whoever knows it can find the watermark, and remove it.</summary>
    public required string Key
    {
        get => Encoding.UTF8.GetString(_key);
        init => _key = Encoding.UTF8.GetBytes(value ?? "");
    }

    /// <summary>The share of the vocabulary that is green, γ, above 0 and below 1. Default: 0.25.</summary>
    public double GreenFraction { get; init; } = 0.25;

    /// <summary>
    /// What is added to the logits of green tokens at temperature 1, δ, above 0 and at most 100; at other temperatures it is scaled, so
    /// that green tokens are e^δ times as probable as without, beside red ones. Default: 2.
    /// </summary>
    public double Bias { get; init; } = 2;

    /// <summary>
    /// The tokens before a place that decide which ones are green there, 1 to 16. More make the watermark harder to find out, and easier to
    /// destroy: each changed token spoils this number of places and its own. Tokenizers of characters need several. Default: 1.
    /// </summary>
    public int ContextWidth { get; init; } = 1;

    private ulong Threshold => (ulong)Math.ScaleB(GreenFraction, HashBits);

    /// <summary>Counts the green tokens of a text.</summary>
    /// <param name="text">The text, without the prompt.</param>
    /// <param name="tokenizer">The tokenizer of the model that may have written it.</param>
    /// <returns>The counts and how improbable they are of a text without the watermark.</returns>
    /// <exception cref="ArgumentException">
    /// A setting is out of its range, or the text has characters that the tokenizer lacks.
    /// </exception>
    public TextWatermarkDetection Detect(string text, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(tokenizer);
        // No token is made here, so that the size does not matter.
        return Detect(TextCodec.Of(tokenizer, int.MaxValue, nameof(tokenizer)).EncodeText(text));
    }

    /// <summary>Counts the green ones of tokens.</summary>
    /// <param name="tokens">
    /// The tokens of a text. The first <see cref="ContextWidth"/> are context alone, and a sequence of <see cref="ContextWidth"/> + 1
    /// tokens that comes again is counted once: it is no new choice.
    /// </param>
    /// <inheritdoc cref="Detect(string, Tokenizer)" path="/returns"/>
    /// <exception cref="ArgumentException">A setting is out of its range.</exception>
    public TextWatermarkDetection Detect(IReadOnlyList<int> tokens)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        Validate();
        int[] all = [.. tokens];
        HashSet<(ulong Context, int Token)> counted = [];
        int green = 0;
        for (int i = ContextWidth; i < all.Length; i++)
        {
            ulong context = Hash(all.AsSpan(i - ContextWidth, ContextWidth));
            if (counted.Add((context, all[i])) && IsGreen(context, all[i]))
                green++;
        }

        return new TextWatermarkDetection(counted.Count, green, GreenFraction);
    }

    /// <exception cref="ArgumentException">A setting is out of its range; the message names it.</exception>
    internal void Validate()
    {
        if (_key.Length == 0)
            throw new ArgumentException($"{nameof(TextWatermark)}.{nameof(Key)} is empty; expected a secret.");
        OptionChecks.Positive(GreenFraction);
        OptionChecks.Below(GreenFraction, 1);
        OptionChecks.Positive(Bias);
        OptionChecks.Between(Bias, 0, MostBias);
        OptionChecks.Between(ContextWidth, 1, MostContextWidth);
    }

    /// <summary>Raises the logits of green tokens, where enough tokens come before.</summary>
    /// <param name="before">The tokens before, at least the last <see cref="ContextWidth"/> where there are as many.</param>
    /// <param name="logits">The logits of the vocabulary.</param>
    /// <param name="temperature">What they will be divided by; 0: not at all.</param>
    internal void Apply(ReadOnlySpan<int> before, Span<float> logits, double temperature)
    {
        if (before.Length < ContextWidth)
            return;
        float bias = (float)(temperature == 0 ? Bias : Bias * temperature);
        ulong context = Hash(before[^ContextWidth..]);
        for (int token = 0; token < logits.Length; token++)
        {
            if (IsGreen(context, token))
                logits[token] += bias;
        }
    }

    private bool IsGreen(ulong context, int token) =>
        SplitMix64.Mix(context + (ulong)token * SplitMix64.Increment) >> (64 - HashBits) < Threshold;

    private ulong Hash(ReadOnlySpan<int> context)
    {
        Span<byte> bytes = stackalloc byte[MostContextWidth * sizeof(int)], hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        for (int i = 0; i < context.Length; i++)
            BinaryPrimitives.WriteInt32LittleEndian(bytes[(i * sizeof(int))..], context[i]);
        HMACSHA256.HashData(_key, bytes[..(context.Length * sizeof(int))], hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
