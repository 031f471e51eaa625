using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Module10.Http;
using Module10.Jobs;
using Module10.Models;
using Module10.Rooms.Art;
using Module10.Rooms.Chat;
using Module10.Rooms.Music;
using Module10.Rooms.Writer;
using Module10.Sessions;

namespace Module10;

/// <summary>The application: the page, the rooms, and OpenAI's interface to the same models.</summary>
internal static class CapstoneApplication
{
    public static WebApplication Build(CapstoneOptions options)
    {
        // The page lies beside the program, whatever the working directory.
        WebApplicationBuilder builder = WebApplication.CreateBuilder(
            new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.WebHost.UseUrls(options.Urls);
        builder.WebHost.ConfigureKestrel(server => server.Limits.MaxRequestBodySize = Guard.MostBytes);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        // A page elsewhere cannot reach this machine by a name of its own.
        builder.Configuration["AllowedHosts"] = options.AnswersAnyHost ? "*" : "localhost;127.0.0.1;[::1]";

        IServiceCollection services = builder.Services;
        services.Configure<RouteHandlerOptions>(route => route.ThrowOnBadRequest = true);
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<JobQueue>();
        services.AddSingleton<SessionStore>();
        services.AddRoomModel<ArtModel>("art");
        services.AddRoomModel<ChatModel>("chat");
        services.AddRoomModel<MelodyModel>("music");
        services.AddRoomModel<HarmonyModel>();
        services.AddRoomModel<WriterModel>("writer");
        services.AddHostedService<ModelTrainer>();

        WebApplication application = builder.Build();
        ILogger logger = application.Services.GetRequiredService<ILoggerFactory>().CreateLogger(nameof(Guard));
        application.Use((context, next) => Guard.Run(context, logger, () => next(context)));
        application.UseDefaultFiles();
        application.UseStaticFiles();
        SessionStore sessions = application.Services.GetRequiredService<SessionStore>();
        application.UseWhen(
            context => context.Request.Path.StartsWithSegments("/api"),
            api => api.Use((context, next) => SessionMiddleware.Run(context, sessions, () => next(context))));
        application.UseRouting();
        application.MapStatus();
        application.MapArt();
        application.MapChat();
        application.MapMusic();
        application.MapWriter();
        application.MapOpenAI();
        return application;
    }

    private static void AddRoomModel<T>(this IServiceCollection services)
        where T : RoomModel
    {
        services.AddSingleton<T>();
        services.AddSingleton<RoomModel>(provider => provider.GetRequiredService<T>());
    }

    // For the rooms, and under its name for OpenAI's clients, who are told to wait until it is trained.
    private static void AddRoomModel<T>(this IServiceCollection services, string name)
        where T : RoomModel
    {
        services.AddRoomModel<T>();
        services.AddGenerativeModel(name, provider => provider.GetRequiredService<T>().Ready.GetAwaiter().GetResult());
    }
}
