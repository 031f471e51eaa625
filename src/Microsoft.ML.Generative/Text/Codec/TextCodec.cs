using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.Codec;

/// <summary>Encodes documents, prompts and answers for a language model, with the tokens before and after them.</summary>
/// <param name="Tokenizer">The tokenizer.</param>
/// <param name="VocabularySize">Its tokens are below this.</param>
/// <param name="Special">The tokens that begin and end a text.</param>
internal sealed record TextCodec(Tokenizer Tokenizer, int VocabularySize, SpecialTokenIds Special)
{
    private const string EndOfText = "<|endoftext|>";

    /// <summary>The token that ends a text, if there is one.</summary>
    public int? End => Special.Eos;

    /// <summary>Tokens that end a generated text besides <see cref="End"/>.</summary>
    public IReadOnlyList<int> OtherEnds { get; init; } = [];

    /// <summary>The tokens that end a generated text.</summary>
    public IEnumerable<int> Ends => OtherEnds.Concat(Ending()).Distinct();

    /// <summary>The token that begins a text: its own, or else the token that ends another text.</summary>
    public int? Begin => Special.Bos ?? Special.Eos;

    // Only where the two differ: with GPT-2 the end of a document is the beginning of the next.
    private bool BeginsDocuments => Special.Bos is { } bos && bos != Special.Eos;

    public static TextCodec Of(GenerativeTokenizer tokenizer) => new(tokenizer, tokenizer.VocabularySize, tokenizer.SpecialTokens);

    /// <param name="tokenizer">Any tokenizer.</param>
    /// <param name="vocabularySize">The model's vocabulary, for tokenizers that do not report theirs; 0 if it is unknown too.</param>
    /// <param name="sizeOption">The option with the vocabulary's size, for the error.</param>
    /// <exception cref="ArgumentException">The vocabulary's size is unknown.</exception>
    public static TextCodec Of(Tokenizer tokenizer, int vocabularySize, string sizeOption)
    {
        TokenizerFacts facts = TokenizerFacts.Of(tokenizer);
        int size = facts.VocabularySize ?? vocabularySize;
        return size > 0 ? new TextCodec(tokenizer, size, facts.SpecialTokens) : throw new ArgumentException(
            $"A tokenizer of the type {tokenizer.GetType().FullName} does not report its vocabulary size: set {sizeOption}.");
    }

    /// <summary>Trains a tokenizer on texts: of byte pairs, or of characters where no size is given.</summary>
    public static TextCodec Train(IEnumerable<string> texts, int? vocabularySize) => Of(vocabularySize is { } size
        ? GenerativeTokenizers.TrainBytePairEncoding(texts.SelectMany(LongText.Parts), size)
        : GenerativeTokenizers.CharacterLevel(texts.SelectMany(LongText.Parts), new CharacterLevelOptions { EndOfTextToken = EndOfText }));

    /// <summary>Encodes a text to learn, between the tokens that begin and end it.</summary>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks.</exception>
    public int[] EncodeDocument(string text) => [.. EncodeDocumentInParts(text).SelectMany(part => part)];

    /// <summary>Encodes a text to learn, between the tokens that begin and end it, without ever holding all tokens of a long one.</summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public IEnumerable<IReadOnlyList<int>> EncodeDocumentInParts(string text) =>
        LongText.Encode(text, EncodeText).Prepend(Beginning()).Append(Ending());

    /// <summary>Encodes the answer to a prompt and the token that ends it.</summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public int[] EncodeAnswer(string prompt, string text) => [.. EncodeAfter(prompt, text), .. Ending()];

    /// <summary>Encodes the beginning of a text, after the token that begins it where documents have one or the text is empty.</summary>
    /// <exception cref="ArgumentException">
    /// The text has characters that the tokenizer lacks, or is empty and no token begins a text.
    /// </exception>
    public int[] EncodePrompt(string text)
    {
        IReadOnlyList<int> ids = EncodeText(text);
        if (ids.Count > 0)
            return [.. Beginning(), .. ids];
        return Begin is { } begin
            ? [begin]
            : throw new ArgumentException("The prompt is empty, and the tokenizer has no token that begins a text.");
    }

    /// <summary>
    /// Encodes a text without tokens before or after it. What reads like a special token in it is text: a document must not end itself.
    /// </summary>
    public IReadOnlyList<int> EncodeText(string text)
    {
        if (Tokenizer is GenerativeTokenizer own)
            return own.EncodeFragment(text, recognizeSpecialTokens: false);
        // Other types put the token that begins a text before it by themselves.
        IReadOnlyList<int> ids = Tokenizer.EncodeToIds(text);
        return ids.Count > 0 && ids[0] == Special.Bos ? [.. ids.Skip(1)] : ids;
    }

    /// <summary>The id of a token as the vocabulary has it.</summary>
    public int? IdOf(string token) => (Tokenizer as GenerativeTokenizer)?.IdOf(token);

    /// <summary>Whether a token ends a generated text.</summary>
    public bool IsEnd(int token) => token == End || OtherEnds.Contains(token);

    public IncrementalDecoder NewDecoder(IReadOnlyList<int> context) => IncrementalDecoder.Create(Tokenizer, context);

    // Tokenizers that put a space before a text must not do so within it; but the model will see the prompt's own tokens before an answer.
    private IEnumerable<int> EncodeAfter(string prompt, string text)
    {
        IReadOnlyList<int> before = EncodeText(prompt), both = EncodeText(prompt + text);
        return both.Take(before.Count).SequenceEqual(before) ? both.Skip(before.Count) : EncodeText(text);
    }

    private int[] Beginning() => BeginsDocuments ? [Special.Bos!.Value] : [];

    private int[] Ending() => End is { } end ? [end] : [];
}
