using System.Buffers;
using System.Collections.Frozen;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Tokenization;
using Microsoft.ML.Generative.Text.Tokenization.Decoding;
using Microsoft.ML.Generative.Text.Tokenization.Models;
using Microsoft.ML.Tokenizers;

namespace Microsoft.ML.Generative.Tokenizers;

/// <summary>
/// A tokenizer made by <see cref="GenerativeTokenizers"/>. It is saved with the model that uses it, has its special tokens and its size,
/// and decodes token by token without splitting a character.
/// </summary>
/// <remarks>
/// <para>
/// It works in the steps of Hugging Face's tokenizers: added tokens are cut out of the text, the rest is normalized, cut into words and
/// encoded by the model (byte pair encoding, unigram, WordPiece or whole words); then come the tokens that begin or end a text, if the
/// tokenizer has them. Whatever file it was read from, it is saved as a <c>tokenizer.json</c> and a <c>tokenizer_config.json</c>.
/// </para>
/// <para>
/// Half of a surrogate pair, which is no character, counts as U+FFFD. Offsets count the UTF-16 units of the normalized text; the tokens
/// of a character that is several tokens all have the whole character.
/// </para>
/// <para>May be used from several threads at a time.</para>
/// </remarks>
public sealed class GenerativeTokenizer : Tokenizer
{
    // Of BERT and RoBERTa, where the file that names it is not there.
    private static readonly string[] _maskNames = ["[MASK]", "<mask>"];

    private readonly TokenizerPipeline _pipeline;
    private readonly Lazy<TokenTexts> _texts;
    private readonly Lazy<TokenTexts> _firstTexts;
    private readonly Lazy<FrozenSet<int>> _marks;

    internal GenerativeTokenizer(TokenizerPipeline pipeline, TokenizerConfig config, ReadOnlyMemory<byte> json)
    {
        _pipeline = pipeline;
        Config = config;
        Json = json;
        _texts = new Lazy<TokenTexts>(() => new TokenTexts(Decoder, VocabularySize, isFirst: false));
        _firstTexts = new Lazy<TokenTexts>(() => new TokenTexts(Decoder, VocabularySize, isFirst: true));
        _marks = new Lazy<FrozenSet<int>>(() => TokenMarks.Find(pipeline.AddedTokens, config));
        SpecialTokens = new SpecialTokenIds(
            Find(config.BosToken, TokenizerConfig.BosName), Find(config.EosToken, TokenizerConfig.EosName),
            config.UnkToken is null ? pipeline.UnknownId : Find(config.UnkToken, TokenizerConfig.UnkName),
            Find(config.PadToken, TokenizerConfig.PadName));
    }

    /// <summary>The number of ids: the highest id of a token, plus one.</summary>
    public int VocabularySize => _pipeline.Size;

    /// <summary>Id of the token that begins a text, or <see langword="null"/>.</summary>
    public int? BeginningOfTextId => SpecialTokens.Bos;

    /// <summary>Id of the token that ends a text, or <see langword="null"/>.</summary>
    public int? EndOfTextId => SpecialTokens.Eos;

    /// <summary>Id of the token for what the vocabulary lacks, or <see langword="null"/>.</summary>
    public int? UnknownId => SpecialTokens.Unk;

    /// <summary>Id of the token that fills batches, or <see langword="null"/>.</summary>
    public int? PaddingId => SpecialTokens.Pad;

    internal SpecialTokenIds SpecialTokens { get; }

    internal TokenizerConfig Config { get; }

    /// <summary>
    /// The chat templates of the tokenizer's folder in Jinja's language, by their names; the one that is used is called default.
    /// <see cref="ChatTemplate.FromJinja"/> makes a template of the others.
    /// </summary>
    public IReadOnlyDictionary<string, string> ChatTemplates => Config.ChatTemplates;

    /// <summary>Id of the token that stands where a masked language model is to predict one, or <see langword="null"/>.</summary>
    public int? MaskId => Config.MaskToken is { } named
        ? _pipeline.IdOf(named)
        : _maskNames.Select(_pipeline.IdOf).FirstOrDefault(id => id is not null);

    /// <summary>Whether an id is one that controls the model, and no text.</summary>
    internal bool IsSpecial(int id) => _pipeline.Find(id) is not { } token || token.IsSpecial || _marks.Value.Contains(id);

    /// <summary>Ids that begin a text.</summary>
    internal IReadOnlyList<int> Before => _pipeline.Before;

    /// <summary>Ids that end a text.</summary>
    internal IReadOnlyList<int> After => _pipeline.After;

    /// <summary>The tokenizer as a tokenizer.json.</summary>
    internal ReadOnlyMemory<byte> Json { get; }

    internal TokenDecoder Decoder => _pipeline.Decoder;

    /// <summary>The texts that tokens add.</summary>
    internal TokenTexts Texts => _texts.Value;

    /// <summary>The texts of tokens at the beginning.</summary>
    internal TokenTexts FirstTexts => _firstTexts.Value;

    /// <summary>The id of a token, or <see langword="null"/>.</summary>
    /// <param name="token">The token as the vocabulary has it: of a byte-level tokenizer, "Ġthe" for " the".</param>
    public int? IdOf(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _pipeline.IdOf(token);
    }

    /// <summary>The token of an id as the vocabulary has it, or <see langword="null"/>.</summary>
    /// <param name="id">The id.</param>
    public string? TokenOf(int id) => _pipeline.Find(id)?.Token;

    /// <summary>Encodes a part of a text, without the tokens that the tokenizer puts at the beginning and the end of a text.</summary>
    /// <param name="text">The part.</param>
    /// <param name="recognizeSpecialTokens">
    /// Whether what reads like a token that controls the model is one. Pass <see langword="false"/> for text from untrusted sources: it
    /// cannot end a document or speak as somebody else then. Such tokens are those that the file calls special, those that the chat
    /// template writes, and those that look like <c>&lt;|…|&gt;</c>.
    /// </param>
    /// <returns>The ids.</returns>
    /// <exception cref="ArgumentException">The vocabulary lacks a character, and the tokenizer has no token for unknown text.</exception>
    public IReadOnlyList<int> EncodeFragment(string text, bool recognizeSpecialTokens = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sink = new TokenSink(int.MaxValue, withPlaces: false);
        _pipeline.Encode(text, sink, recognizeSpecialTokens ? new PipelineSettings() : new PipelineSettings { TextOnly = _marks.Value });
        return sink.Ids;
    }

    /// <summary>Encodes plain text, without the tokens round it: what reads like a special token in it is text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="mostTokens">Tokens at most; the rest is left out.</param>
    /// <param name="recognized">The one special token that is not text.</param>
    /// <inheritdoc cref="EncodeFragment" path="/exception"/>
    internal IReadOnlyList<int> EncodeText(string text, int mostTokens, int? recognized = null)
    {
        var sink = new TokenSink(mostTokens, withPlaces: false);
        FrozenSet<int> marks = recognized is { } id ? _marks.Value.Where(mark => mark != id).ToFrozenSet() : _marks.Value;
        _pipeline.Encode(text, sink, new PipelineSettings { TextOnly = marks });
        return sink.Ids;
    }

    /// <summary>Encodes plain text that continues another one: no space is put before it.</summary>
    /// <inheritdoc cref="EncodeFragment" path="/exception"/>
    internal IReadOnlyList<int> EncodeContinuation(string text)
    {
        var sink = new TokenSink(int.MaxValue, withPlaces: false);
        _pipeline.Encode(text, sink, new PipelineSettings { TextOnly = _marks.Value, IsContinuation = true });
        return sink.Ids;
    }

    /// <summary>Cuts what a template wrote at its marks.</summary>
    /// <param name="text">The text.</param>
    /// <param name="others">Tokens of the vocabulary that the template uses, too.</param>
    /// <returns>Sections, and a function that encodes a part of one that is text; it gets the part's place.</returns>
    internal (IReadOnlyList<TextSection> Sections, Func<int, string, IReadOnlyList<int>> Encode) CutMarks(
        MarkedText text, IReadOnlyList<AddedToken> others)
    {
        AddedToken[] candidates = [.. _pipeline.AddedTokens.Where(TokenMarks.LooksLikeOne)];
        IEnumerable<AddedToken> vocabulary = others.Where(token => candidates.All(c => c.Content != token.Content));
        var finder = new AddedTokenFinder(candidates.Concat(vocabulary).Select(token => (token.Content, token)));
        List<TextSection> sections = finder.Cut(text.Text, (_, start, end) => text.IsWritten(start, end));
        HashSet<int> marks = [.. _marks.Value, .. candidates.Where(token => TokenMarks.IsIn(token, text.Template)).Select(t => t.Id),
            .. sections.Where(section => section.Token is not null).Select(section => section.Token!.Id)];
        return (sections, (start, part) =>
        {
            var sink = new TokenSink(int.MaxValue, withPlaces: false);
            _pipeline.Encode(part, sink, new PipelineSettings { TextOnly = marks, BeginsInput = start == 0 });
            return sink.Ids;
        }
        );
    }

    /// <summary>The text of tokens, without that of special tokens.</summary>
    /// <param name="ids">The ids. Those that no token has give no text.</param>
    /// <returns>The text.</returns>
    public override string Decode(IEnumerable<int> ids) => Decode(ids, skipSpecialTokens: true);

    /// <summary>The text of tokens.</summary>
    /// <param name="ids">The ids. Those that no token has give no text.</param>
    /// <param name="skipSpecialTokens">Whether special tokens, such as the end of a text, are left out.</param>
    /// <returns>The text.</returns>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var stream = new TokenTextStream(Decoder, skipSpecialTokens);
        foreach (int id in ids)
            stream.Append(id);
        stream.Flush();
        return stream.Take();
    }

    /// <inheritdoc/>
    public override OperationStatus Decode(IEnumerable<int> ids, Span<char> destination, out int idsConsumed, out int charsWritten)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var stream = new TokenTextStream(Decoder, skipSpecialTokens: true);
        idsConsumed = charsWritten = 0;
        int taken = 0;
        string held = "";
        foreach (int id in ids)
        {
            stream.Append(id);
            held += stream.Take();
            taken++;
            if (held.Length > destination.Length - charsWritten)
                return OperationStatus.DestinationTooSmall;
            if (!stream.IsComplete)
                continue;
            held.CopyTo(destination[charsWritten..]);
            charsWritten += held.Length;
            held = "";
            idsConsumed = taken;
        }

        stream.Flush();
        held += stream.Take();
        if (held.Length > destination.Length - charsWritten)
            return OperationStatus.DestinationTooSmall;
        held.CopyTo(destination[charsWritten..]);
        charsWritten += held.Length;
        idsConsumed = taken;
        return OperationStatus.Done;
    }

    /// <inheritdoc/>
    protected override EncodeResults<EncodedToken> EncodeToTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        TokenSink sink = Encode(text ?? textSpan.ToString(), settings, withPlaces: true, out string normalized);
        var tokens = new EncodedToken[sink.Ids.Count];
        for (int i = 0; i < tokens.Length; i++)
        {
            var (start, end) = sink.Places![i];
            tokens[i] = new EncodedToken(sink.Ids[i], _pipeline.Find(sink.Ids[i])!.Value.Token, new Range(start, end));
        }

        return Results(tokens, sink, normalized);
    }

    /// <inheritdoc/>
    protected override EncodeResults<int> EncodeToIds(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings)
    {
        TokenSink sink = Encode(text ?? textSpan.ToString(), settings, withPlaces: false, out string normalized);
        return Results(sink.Ids, sink, normalized);
    }

    /// <inheritdoc/>
    protected override int CountTokens(string? text, ReadOnlySpan<char> textSpan, EncodeSettings settings) =>
        Encode(text ?? textSpan.ToString(), settings, withPlaces: false, out _).Ids.Count;

    private static EncodeResults<T> Results<T>(IReadOnlyList<T> tokens, TokenSink sink, string normalized) =>
        new() { Tokens = tokens, NormalizedText = normalized, CharsConsumed = sink.IsFull ? sink.Consumed : normalized.Length };

    private TokenSink Encode(string text, EncodeSettings settings, bool withPlaces, out string normalized)
    {
        if (settings.MaxTokenCount <= 0)
            throw new ArgumentOutOfRangeException(
                nameof(settings), settings.MaxTokenCount, $"MaxTokenCount is {settings.MaxTokenCount}; expected 1 or more.");
        var sink = new TokenSink(settings.MaxTokenCount, withPlaces);
        normalized = _pipeline.Encode(text, sink, new PipelineSettings
        {
            Normalize = settings.ConsiderNormalization,
            PreTokenize = settings.ConsiderPreTokenization,
            Frame = true,
        });
        return sink;
    }

    private int? Find(string? token, string name) => token is null ? null
        : _pipeline.IdOf(token)
            ?? throw new InvalidDataException($"The {name} of the tokenizer is {Quoted.Text(token)}, which its vocabulary lacks.");
}
