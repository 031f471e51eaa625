using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.ML.Generative;
using Microsoft.ML.Generative.Evaluation;
using Module10.Http;
using Module10.Jobs;
using Module10.Models;
using Module10.Sessions;

namespace Module10.Rooms.Writer;

/// <summary>The endpoints of the room for a domain's texts.</summary>
internal static class WriterEndpoints
{
    private const int PromptOfSamples = 24;

    public static void MapWriter(this IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder room = endpoints.MapGroup("/api/writer");
        room.MapGet("/", (HttpContext context) => new
        {
            HasLearned = context.Visitor().Part<VisitorWriter>().Model is not null,
            UploadedText.MostBytes,
            UploadedText.LeastCharacters,
        });
        room.MapPost("/learn", Learn);
        room.MapPost("/continue", Continue);
    }

    // The body is the text. Events: before (perplexity, bitsPerByte), progress, sample (text), after (perplexity, bitsPerByte).
    private static async Task Learn(HttpContext context, WriterModel writer)
    {
        _ = writer.Model;
        UploadedText text = await UploadedText.ReadAsync(context.Request.Body, context.RequestAborted);
        VisitorWriter visitor = context.Visitor().Part<VisitorWriter>();
        await JobStream.RunAsync(context, JobKind.Training, events =>
        {
            events.Send("before", Describe(WriterModel.Measure(writer.Model, text.Test)));
            LanguageModelTransformer learned = writer.Learn(
                text.Train, BeginningOf(text.Test), sample => events.Send("sample", new { text = sample }), TrainingEvents.Of(events),
                events.Cancellation);
            visitor.Model = learned;
            events.Send("after", Describe(WriterModel.Measure(learned, text.Test)));
        });
    }

    // Events: text (text).
    private static Task Continue(HttpContext context, WriterRequest request, WriterModel writer)
    {
        request.Validate();
        LanguageModelTransformer model = !request.HasLearned ? writer.Model : context.Visitor().Part<VisitorWriter>().Model
            ?? throw new VisitorException(409, "The model has learned no text of yours yet. What it learned is forgotten after two hours.");
        return JobStream.RunAsync(context, JobKind.Generation, async events =>
        {
            var options = new TextGenerationOptions { MaxTokens = request.Tokens, Temperature = request.Temperature, Seed = request.Seed };
            await foreach (string piece in model.StreamAsync(request.Prompt, options, events.Cancellation))
                events.Send("text", new { text = piece });
        });
    }

    // A line of the text that is not learned, up to a word's end.
    private static string BeginningOf(string text)
    {
        string line = text.Split('\n').FirstOrDefault(line => line.Trim().Length > 0, text).Trim();
        if (line.Length <= PromptOfSamples)
            return line;
        int space = line.LastIndexOf(' ', PromptOfSamples);
        return line[..(space > 0 ? space : char.IsLowSurrogate(line[PromptOfSamples]) ? PromptOfSamples - 1 : PromptOfSamples)];
    }

    private static object Describe(LanguageModelMetrics metrics) => new { metrics.Perplexity, metrics.BitsPerByte, metrics.Tokens };
}
