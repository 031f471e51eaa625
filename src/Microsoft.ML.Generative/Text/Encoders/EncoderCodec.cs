using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;

namespace Microsoft.ML.Generative.Text.Encoders;

/// <summary>Encodes texts for an encoder, with the tokens before and behind them.</summary>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="MaxTokens">Tokens of a text at most, with those round it: the rest of a longer text is left out.</param>
/// <param name="Separators">How many tokens that end a text stand between two texts: RoBERTa has two.</param>
internal sealed record EncoderCodec(GenerativeTokenizer Tokenizer, int MaxTokens, int Separators = 1)
{
    /// <summary>The tokens before a text.</summary>
    public IReadOnlyList<int> Before { get; } = Tokenizer.Before.Count > 0 ? Tokenizer.Before
        : Tokenizer.BeginningOfTextId is { } begin && Tokenizer.After.Count == 0 ? [begin]
        : [];

    /// <summary>The tokens behind a text.</summary>
    public IReadOnlyList<int> After { get; } = Tokenizer.After.Count > 0 ? Tokenizer.After
        : Tokenizer.EndOfTextId is { } end && Tokenizer.Before.Count == 0 ? [end]
        : [];

    public int VocabularySize => Tokenizer.VocabularySize;

    /// <summary>Tokens of a text without those round it, at most.</summary>
    public int MostInside => MaxTokens - Before.Count - After.Count;

    /// <summary>Encodes a text; what reads like a special token in it is text.</summary>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks, or no token.</exception>
    public EncodedText Encode(string text) => Frame(Tokenizer.EncodeText(text, MostInside));

    /// <summary>Encodes two texts as one sequence. Where it is too long, the longer one is cut first.</summary>
    /// <inheritdoc cref="Encode(string)" path="/exception"/>
    public EncodedText Encode(string first, string second)
    {
        int most = MostInside - Separators;
        IReadOnlyList<int> a = Tokenizer.EncodeText(first, most), b = Tokenizer.EncodeText(second, most);
        (int ofA, int ofB) = (a.Count, b.Count);
        if (ofA + ofB > most)
            (ofA, ofB) = ofB <= most / 2 ? (most - ofB, ofB) : ofA <= most / 2 ? (ofA, most - ofA) : (most - most / 2, most / 2);
        int[] firstPart = [.. Before, .. a.Take(ofA), .. Enumerable.Repeat(After, Separators).SelectMany(end => end)];
        return new EncodedText([.. firstPart, .. b.Take(ofB), .. After], firstPart.Length);
    }

    /// <summary>Encodes a text of any length as sequences, each with the tokens round a text.</summary>
    /// <inheritdoc cref="Encode(string)" path="/exception"/>
    public IEnumerable<EncodedText> EncodeParts(string text) =>
        LongText.Encode(text, part => Tokenizer.EncodeText(part, int.MaxValue)).SelectMany(ids => ids).Chunk(MostInside)
            .Select(part => Frame(part));

    /// <exception cref="ArgumentException">The tokenizer cannot be used with the model; the message says why.</exception>
    public void Validate()
    {
        int round = Before.Count + After.Count + Separators * After.Count;
        if (MaxTokens <= round)
        {
            throw new ArgumentException(
                $"{nameof(MaxTokens)} is {MaxTokens}; expected more than the {round} tokens that the tokenizer puts round texts.",
                nameof(MaxTokens));
        }
    }

    /// <summary>A text with the tokens round it.</summary>
    /// <exception cref="ArgumentException">There is no token.</exception>
    public EncodedText Frame(IReadOnlyList<int> inside)
    {
        int[] ids = [.. Before, .. inside, .. After];
        return ids.Length > 0 ? new EncodedText(ids, ids.Length) : throw new ArgumentException("The text has no token.");
    }

    public static EncoderCodec Load<TDefinition>(LoadedModel<TDefinition> file, EncoderCore core)
        where TDefinition : IModelDefinition<TDefinition>
    {
        GenerativeTokenizer tokenizer = TokenizerFiles.Load(file, core.Architecture.VocabularySize);
        var codec = new EncoderCodec(tokenizer, core.MaxTokens, core.Separators);
        ModelFile.Check(codec.Validate);
        return codec;
    }
}

/// <summary>A text, or two, as tokens.</summary>
/// <param name="Ids">The tokens.</param>
/// <param name="First">Those of the first segment.</param>
internal readonly record struct EncodedText(int[] Ids, int First);
