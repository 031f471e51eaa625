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

    // The name of the token in templates, for tokenizers that do not know their tokens' texts.
    private const string BeginOfText = "<|beginoftext|>";

    /// <summary>The token that ends a text, if there is one.</summary>
    public int? End => Special.Eos;

    /// <summary>Tokens that end a generated text besides <see cref="End"/>.</summary>
    public IReadOnlyList<int> OtherEnds { get; init; } = [];

    /// <summary>Special tokens whose text is part of a generated text, as other special tokens' is not.</summary>
    public IReadOnlyList<int> Shown { get; init; } = [];

    /// <summary>
    /// Whether texts begin with the token for that even where the tokenizer puts none before a text: models of earlier versions were
    /// trained so.
    /// </summary>
    public bool BeginsWithBos { get; init; }

    /// <summary>The tokens that end a generated text.</summary>
    public IEnumerable<int> Ends => OtherEnds.Concat(End is { } end ? [end] : []).Distinct();

    /// <summary>
    /// The token after which a document is read that the tokenizer begins with none: the end of the document before it. None where the
    /// tokenizer says that nothing stands before a text, or has another token for that.
    /// </summary>
    public int? Begin => Before.Count > 0 || (Tokenizer as GenerativeTokenizer)?.Config.AddBosToken == false ? null
        : Special.Bos is { } bos && bos != Special.Eos ? null
        : Special.Eos;

    private IReadOnlyList<int> Before =>
        Tokenizer is GenerativeTokenizer { Before: { Count: > 0 } own } ? own
        : BeginsWithBos && Special.Bos is { } bos && bos != Special.Eos ? [bos]
        : [];

    private IReadOnlyList<int> After => (Tokenizer as GenerativeTokenizer)?.After ?? [];

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

    /// <summary>
    /// Encodes a text to learn: with the tokens that the tokenizer puts round a text, and the token that ends a text behind them.
    /// </summary>
    /// <exception cref="ArgumentException">The text has characters that the tokenizer lacks.</exception>
    public int[] EncodeDocument(string text) => [.. EncodeDocumentInParts(text).SelectMany(part => part)];

    /// <summary>
    /// Encodes a whole text, as <see cref="EncodeDocument"/>; but what reads like a special token is that token, as in transformers: the
    /// sentinels of a T5 model say where it is to fill in text.
    /// </summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public int[] EncodeWithSpecialTokens(string text) =>
        Tokenizer is GenerativeTokenizer own
            ? [.. Before, .. InParts(text, part => own.EncodeFragment(part)), .. Ending()]
            : EncodeDocument(text);

    /// <summary>Encodes a text to learn, as <see cref="EncodeDocument"/>, without ever holding all tokens of a long one.</summary>
    /// <inheritdoc cref="EncodeDocument" path="/exception"/>
    public IEnumerable<IReadOnlyList<int>> EncodeDocumentInParts(string text)
    {
        // Other types put the token that begins a text before each part.
        IEnumerable<IReadOnlyList<int>> parts = text.Length <= LongText.PartLength || Tokenizer is not GenerativeTokenizer
            ? [Beginning(text)]
            : LongText.Encode(text, EncodeText).Prepend(Before);
        return parts.Append([.. Ending()]);
    }

    /// <summary>Encodes a prompt with its answer and the token that ends it, and counts the prompt's tokens.</summary>
    /// <inheritdoc cref="EncodePrompt" path="/exception"/>
    public (int[] Ids, int PromptTokens) EncodeExample(string prompt, string answer)
    {
        int[] before = EncodePrompt(prompt);
        // The two as one text; but where the last tokens of the prompt alone are others, those stay, for the model will be given them.
        IReadOnlyList<int> alone = EncodeText(prompt), both = EncodeText(prompt + answer);
        IEnumerable<int> after = both.Take(alone.Count).SequenceEqual(alone) ? both.Skip(alone.Count) : EncodeContinuation(answer);
        return ([.. before, .. after, .. Ending()], before.Length);
    }

    /// <summary>
    /// Encodes the beginning of a text, after the tokens that the tokenizer puts before a text, or that begins a text where it is empty.
    /// </summary>
    /// <exception cref="ArgumentException">
    /// The text has characters that the tokenizer lacks, or is empty and no token begins a text.
    /// </exception>
    public int[] EncodePrompt(string text)
    {
        int[] ids = Beginning(text);
        if (ids.Length > 0)
            return ids;
        return (Special.Bos ?? Special.Eos) is { } begin
            ? [begin]
            : throw new ArgumentException("The prompt is empty, and the tokenizer has no token that begins a text.");
    }

    /// <summary>Encodes a whole text with the tokens that the tokenizer puts round it.</summary>
    /// <inheritdoc cref="EncodePrompt" path="/exception"/>
    public int[] EncodeWhole(string text) => text.Length == 0 ? EncodePrompt(text)
        : Tokenizer is GenerativeTokenizer ? [.. Beginning(text), .. After]
        : [.. Tokenizer.EncodeToIds(text)];

    /// <summary>
    /// Encodes a text without tokens before or after it. What reads like a special token in it is text: a document must not end itself.
    /// </summary>
    public IReadOnlyList<int> EncodeText(string text)
    {
        if (Tokenizer is GenerativeTokenizer own)
            return InParts(text, part => own.EncodeFragment(part, recognizeSpecialTokens: false));
        // Other types put the tokens that begin and end a text round it by themselves.
        IEnumerable<int> ids = WithoutEnd(Tokenizer.EncodeToIds(text));
        return [.. ids.FirstOrDefault(-1) == Special.Bos ? ids.Skip(1) : ids];
    }

    /// <summary>
    /// Encodes what a template wrote as one text: its marks are tokens where the template wrote them, and text elsewhere.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="marks">Marks that need not be added tokens of the tokenizer, but only in its vocabulary.</param>
    public MarkedEncoding EncodeMarked(MarkedText text, IReadOnlyList<string> marks)
    {
        if (Tokenizer is GenerativeTokenizer own)
        {
            IEnumerable<string> names = marks.Concat([TextOf(Special.Bos), TextOf(Special.Eos)]).OfType<string>().Distinct();
            var (sections, encode) = own.CutMarks(
                text, [.. names.Select(name => (name, Id: own.IdOf(name))).Where(m => m.Id is not null)
                    .Select(m => new AddedToken(m.Id!.Value, m.name, IsSpecial: true))]);
            return new MarkedEncoding(text.Text, sections, encode);
        }

        IEnumerable<AddedToken> known = new[] { Special.Bos, Special.Eos }.Distinct().OfType<int>()
            .Select(id => new AddedToken(id, TextOf(id)!, IsSpecial: true));
        var finder = new AddedTokenFinder(known.Select(token => (token.Content, token)));
        return new MarkedEncoding(
            text.Text, finder.Cut(text.Text, (_, start, end) => text.IsWritten(start, end)), (_, part) => EncodeText(part));
    }

    /// <summary>The text of a special token in templates.</summary>
    public string? TextOf(int? id) => id is not { } known ? null
        : Tokenizer is GenerativeTokenizer own ? own.TokenOf(known)
        : known == Special.Eos ? EndOfText : BeginOfText;

    /// <summary>The id of a token as the vocabulary has it.</summary>
    public int? IdOf(string token) => (Tokenizer as GenerativeTokenizer)?.IdOf(token);

    /// <summary>Whether a token ends a generated text.</summary>
    public bool IsEnd(int token) => token == End || OtherEnds.Contains(token);

    public IncrementalDecoder NewDecoder(IReadOnlyList<int> context) => IncrementalDecoder.Create(Tokenizer, context, shown: Shown);

    // Without ever holding more than the tokens of a long text.
    private static IReadOnlyList<int> InParts(string text, Func<string, IReadOnlyList<int>> encode) =>
        text.Length <= LongText.PartLength ? encode(text) : [.. LongText.Encode(text, encode).SelectMany(part => part)];

    private IReadOnlyList<int> EncodeContinuation(string text) =>
        Tokenizer is GenerativeTokenizer own ? own.EncodeContinuation(text) : EncodeText(text);

    private int[] Beginning(string text) =>
        Tokenizer is GenerativeTokenizer || BeginsWithBos ? [.. Before, .. EncodeText(text)] : [.. WithoutEnd(Tokenizer.EncodeToIds(text))];

    private IEnumerable<int> WithoutEnd(IReadOnlyList<int> ids) =>
        ids.Count > 0 && ids[^1] == Special.Eos ? ids.Take(ids.Count - 1) : ids;

    private IEnumerable<int> Ending() => End is { } end && !(After.Count > 0 && After[^1] == end) ? [.. After, end] : After;
}
