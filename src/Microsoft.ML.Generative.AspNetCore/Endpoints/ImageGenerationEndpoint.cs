using Microsoft.ML.Generative.AspNetCore.Http;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/images/generations: of a model with classes, the prompt is the name of one.</summary>
internal static class ImageGenerationEndpoint
{
    public static async Task Run(ServerRequest request)
    {
        JsonBody body = await request.ReadBodyAsync().ConfigureAwait(false);
        var wanted = new ImageRequest(body, request.FindModel(body), body.RequiredText("prompt"));
        await wanted.AnswerAsync(request, (model, count, options) => model.Generate(count, options)).ConfigureAwait(false);
    }
}
