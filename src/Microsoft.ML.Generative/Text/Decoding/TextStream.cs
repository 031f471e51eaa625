using System.Numerics.Tensors;
using System.Text;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Text.Codec;
using Microsoft.ML.Generative.Text.Decoding.Json;
using Microsoft.ML.Generative.Text.Tokenization;

namespace Microsoft.ML.Generative.Text.Decoding;

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
    private readonly JsonFormat.Text? _json;
    private readonly List<int> _tokens;
    private readonly StringBuilder _text = new();
    private int _generated;
    private int? _end;

    /// <param name="request">The prompt.</param>
    /// <param name="options">How tokens are chosen.</param>
    /// <param name="codec">Tokens to text.</param>
    /// <param name="sampler">Chooses; streams that take turns may share it.</param>
    /// <param name="format">What the text has to be, or null; streams that take turns may share it.</param>
    public TextStream(
        GenerationRequest request, TextGenerationOptions options, TextCodec codec, TokenSampler sampler, JsonFormat? format = null)
    {
        (_request, _options, _codec, _sampler) = (request, options, codec, sampler);
        _tokens = [.. request.Tokens];
        _adjustments = new LogitAdjustments(options, request.Tokens);
        _decoder = codec.NewDecoder(request.Context);
        _scanner = new StopScanner(options.StopStrings);
        _json = format?.Begin(request.Context);
    }

    /// <summary>Prompt and text.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Tokens that were generated.</summary>
    public int Generated => _generated;

    /// <summary>Why the text has ended; <see langword="null"/> as long as it continues.</summary>
    public GenerationEnd? End { get; private set; }

    public GeneratedText Result => new(_text.ToString(), _request.PromptTokens, _generated, End ?? GenerationEnd.Length)
    {
        Ids = _end is { } end ? [.. _tokens, end] : [.. _tokens],
    };

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">The model's logits; they are changed.</param>
    /// <returns>The text that became certain, often none.</returns>
    public string Accept(Span<float> logits)
    {
        logits = logits[.._codec.VocabularySize];
        _request.Scores?.Take(logits);
        _adjustments.Apply(logits);
        _json?.Mask(logits, _options.MaxTokens - _generated);
        LogitChecks.Check(TensorPrimitives.Max<float>(logits));
        // A position's number depends on the seed and the position alone, so that no other text changes it.
        int token = _sampler.Choose(logits, new RowRandom(_request.Seed, _generated).NextDouble());
        _generated++;
        _request.Scores?.Add(token, _codec);
        if (_codec.IsEnd(token))
        {
            _end = token;
            return Finish(_json is { IsShortened: true } ? GenerationEnd.Length : GenerationEnd.Stop);
        }

        _tokens.Add(token);
        _adjustments.Add(token);
        _json?.Accept(token);
        string piece = _scanner.Append(_decoder.Append(token));
        _text.Append(piece);
        if (_scanner.HasStopped)
            End = GenerationEnd.Stop;
        else if (_json is { IsFinished: true })
            return piece + Finish(_json.IsShortened ? GenerationEnd.Length : GenerationEnd.Stop);
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
