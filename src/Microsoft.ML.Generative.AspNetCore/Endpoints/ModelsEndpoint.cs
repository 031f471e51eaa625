using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.ML.Generative.AspNetCore.Http;
using Microsoft.ML.Generative.AspNetCore.Models;

namespace Microsoft.ML.Generative.AspNetCore.Endpoints;

/// <summary>/v1/models, models with their adapters included.</summary>
internal static class ModelsEndpoint
{
    public static Task List(ServerRequest request) => request.WriteAsync(new JsonObject
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. request.Models.Loaded.SelectMany(model => model.Adapters
            .Select(adapter => Describe($"{model.Name}:{adapter}", model)).Prepend(Describe(model.Name, model)))]),
    });

    public static Task Find(ServerRequest request)
    {
        string name = request.Context.GetRouteValue("id") as string ?? "";
        return request.WriteAsync(Describe(name, request.Models.Find(name)));
    }

    private static JsonObject Describe(string name, ServedModel model) => new()
    {
        ["id"] = name,
        ["object"] = "model",
        ["created"] = model.Created.ToUnixTimeSeconds(),
        ["owned_by"] = "local",
    };
}
