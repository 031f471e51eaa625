using System.Text;

namespace Microsoft.ML.Generative;

/// <summary>One text in the making: its tokens, the choice of the next, and the text that is certain.</summary>
internal sealed class TextStream
{
    private readonly GenerationRequest _request;
    private readonly TextGenerationOptions _options;
    private readonly TextCodec _codec;
    private readonly TokenSampler _sampler;
    private readonly LogitAdjustments _adjustments;
    private readonly IncrementalDecoder _decoder;
    private readonly StopScanner _scanner;
    private readonly ITokenConstraint? _constraint;
    private readonly List<int> _tokens;
    private readonly StringBuilder _text = new();
    private int _generated;

    /// <param name="request">The prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="codec">Tokens to text.</param>
    /// <param name="sampler">Chooses; streams that take turns may share it.</param>
    /// <param name="constraint">Says which tokens are allowed, if not all are.</param>
    public TextStream(GenerationRequest request, TextGenerationOptions options, TextCodec codec, TokenSampler sampler, ITokenConstraint? constraint = null)
    {
        (_request, _options, _codec, _sampler, _constraint) = (request, options, codec, sampler, constraint);
        _tokens = [.. request.Tokens];
        _adjustments = new LogitAdjustments(options, request.Tokens);
        _decoder = codec.NewDecoder(request.Tokens);
        _scanner = new StopScanner(options.StopStrings);
    }

    /// <summary>Prompt and text.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Why the text has ended; <see langword="null"/> as long as it goes on.</summary>
    public GenerationEnd? End { get; private set; }

    public GeneratedText Result => new(_text.ToString(), _request.Tokens.Length, _generated, End ?? GenerationEnd.Length);

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">The model's logits; they are changed.</param>
    /// <returns>The text that became certain, often none.</returns>
    public string Accept(Span<float> logits)
    {
        logits = logits[.._codec.VocabularySize];
        _adjustments.Apply(logits);
        _constraint?.Mask(logits);
        // A position's number depends on the seed and the position alone, so that no other text changes it.
        int token = _sampler.Choose(logits, new RowRandom(_request.Seed, _generated).NextDouble());
        _generated++;
        if (token == _codec.End)
            return Finish(GenerationEnd.Stop);

        _tokens.Add(token);
        _adjustments.Add(token);
        _constraint?.Add(token);
        string piece = _scanner.Append(_decoder.Append(token));
        _text.Append(piece);
        if (_scanner.HasStopped || _constraint?.IsComplete == true)
            End = GenerationEnd.Stop;
        else if (_generated == _options.MaxTokens)
            return piece + Finish(GenerationEnd.Length);
        return piece;
    }

    private string Finish(GenerationEnd end)
    {
        End = end;
        string rest = _scanner.Append(_decoder.Flush());
        rest += _scanner.Flush();
        _text.Append(rest);
        return rest;
    }
}

/// <summary>Says which tokens may come next, as a text has to follow a grammar.</summary>
internal interface ITokenConstraint
{
    /// <summary>Whether nothing may come any more.</summary>
    bool IsComplete { get; }

    /// <summary>Sets the logits of tokens that must not come next to −∞.</summary>
    void Mask(Span<float> logits);

    void Add(int token);
}
