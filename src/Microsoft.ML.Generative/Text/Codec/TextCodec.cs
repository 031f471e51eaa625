using Microsoft.ML.Generative.Text.LanguageModels;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Tokenizers;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Text.Codec;

/// <summary>A tokenizer as a language model uses it: which tokens stand before and after documents, prompts and answers.</summary>
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

    /// <summary>The token that a text begins with: the one made for it, or else the end of another text.</summary>
    public int? Begin => Special.Bos ?? Special.Eos;

    // Only where the two differ: with GPT-2 the end of a document is the beginning of the next.
    private bool BeginsDocuments => Special.Bos is { } bos && bos != Special.Eos;

    /// <param name="tokenizer">Any tokenizer.</param>
    /// <param name="vocabularySize">The model's vocabulary, for tokenizers that do not tell theirs; 0 if it is not known either.</param>
    public static TextCodec Of(Tokenizer tokenizer, int vocabularySize)
    {
        TokenizerFacts facts = TokenizerFacts.Of(tokenizer);
        int size = facts.VocabularySize ?? vocabularySize;
        return size > 0 ? new TextCodec(tokenizer, size, facts.SpecialTokens) : throw new ArgumentException(
            $"A tokenizer of the type {tokenizer.GetType().FullName} does not tell how many tokens it has: set {nameof(LanguageModelArchitecture.VocabularySize)} of {nameof(LanguageModelOptions.Architecture)}.");
    }

    /// <summary>Makes a tokenizer out of texts: of byte pairs, or of characters where no size is given.</summary>
    public static TextCodec Make(IEnumerable<string> texts, int? vocabularySize)
    {
        GenerativeTokenizer tokenizer = vocabularySize is { } size
            ? GenerativeTokenizers.TrainBytePairEncoding(texts, size)
            : GenerativeTokenizers.CharacterLevel(texts, new CharacterLevelOptions { EndOfTextToken = EndOfText });
        return Of(tokenizer, 0);
    }

    /// <summary>A text to learn, between its beginning and its end.</summary>
    /// <exception cref="InvalidDataException">The text has characters that the tokenizer does not know.</exception>
    public int[] EncodeDocument(string text, string column, long row) => TextColumns.Guard<int[]>(column, row, () => [.. BeginsDocuments ? [Special.Bos!.Value] : Array.Empty<int>(), .. Encode(text), .. Ending()]);

    /// <summary>What stands after a prompt, and its end.</summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public int[] EncodeAnswer(string prompt, string text, string column, long row) => TextColumns.Guard<int[]>(column, row, () => [.. EncodeAfter(prompt, text), .. Ending()]);

    /// <summary>A prompt of a row.</summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public int[] EncodePrompt(string text, string column, long row) => TextColumns.Guard<int[]>(column, row, () => EncodePrompt(text));

    /// <summary>What a text goes on from: its beginning, where documents have one or the text is empty, and the text.</summary>
    /// <exception cref="ArgumentException">
    /// The text has characters that the tokenizer does not know, or is empty and no token begins a text.
    /// </exception>
    public int[] EncodePrompt(string text)
    {
        IReadOnlyList<int> ids = Encode(text);
        if (ids.Count > 0)
            return [.. BeginsDocuments ? [Special.Bos!.Value] : Array.Empty<int>(), .. ids];
        return Begin is { } begin ? [begin] : throw new ArgumentException("The prompt is empty, and the tokenizer has no token that begins a text.");
    }

    /// <summary>A text without tokens before or after it.</summary>
    public IReadOnlyList<int> EncodeText(string text) => Encode(text);

    /// <summary>The id of a token as the vocabulary has it.</summary>
    public int? IdOf(string token) => (Tokenizer as GenerativeTokenizer)?.IdOf(token);

    /// <summary>Whether a token ends a generated text.</summary>
    public bool IsEnd(int token) => token == End || OtherEnds.Contains(token);

    public IncrementalDecoder NewDecoder(IReadOnlyList<int> context) => IncrementalDecoder.Create(Tokenizer, context);

    // What reads like a special token in a text is text: a document must not end itself.
    private IReadOnlyList<int> Encode(string text)
    {
        if (Tokenizer is GenerativeTokenizer own)
            return own.EncodeFragment(text, recognizeSpecialTokens: false);
        // Other types put the token that begins a text before it by themselves.
        IReadOnlyList<int> ids = Tokenizer.EncodeToIds(text);
        return ids.Count > 0 && ids[0] == Special.Bos ? [.. ids.Skip(1)] : ids;
    }

    // Tokenizers that put a space before a text must not do so within it; but a prompt's own tokens are what an answer will be asked for with.
    private IEnumerable<int> EncodeAfter(string prompt, string text)
    {
        IReadOnlyList<int> before = Encode(prompt), both = Encode(prompt + text);
        return both.Take(before.Count).SequenceEqual(before) ? both.Skip(before.Count) : Encode(text);
    }

    private int[] Ending() => End is { } end ? [end] : [];
}
