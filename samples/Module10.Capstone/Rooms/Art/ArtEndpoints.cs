using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.ML.Generative;
using Module10.Jobs;

namespace Module10.Rooms.Art;

/// <summary>The endpoints of the room for images.</summary>
internal static class ArtEndpoints
{
    public static void MapArt(this IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder room = endpoints.MapGroup("/api/art");
        room.MapGet("/choices", () => new
        {
            Colors = DrawnShapes.Colors.Select(color => color.Name),
            DrawnShapes.Shapes,
            ArtRequest.Samplers,
            ArtRequest.Sizes,
        });
        Map("/generate", (studio, request) => studio.Generate(request));
        Map("/vary", (studio, request) => studio.Vary(request));
        Map("/inpaint", (studio, request) => studio.Inpaint(request));
        Map("/walk", (studio, request) => studio.Walk(request));

        void Map(string path, Action<ArtStudio, ArtRequest> paint) => room.MapPost(
            path, (HttpContext context, ArtRequest request, ArtModel art) => Run(context, request, art, paint));
    }

    private static Task Run(HttpContext context, ArtRequest request, ArtModel art, Action<ArtStudio, ArtRequest> paint)
    {
        // Errors come before the visitor waits.
        request.Validate();
        DiffusionTransformer model = art.Model;
        return JobStream.RunAsync(context, JobKind.Generation, events => paint(new ArtStudio(model, events), request));
    }
}
