using System.Text.RegularExpressions;
using System.Xml.Linq;
using k8s;
using k8s.Models;
using YamlDotNet.Serialization;

namespace Microsoft.ML.Generative.AspNetCore.Tests;

/// <summary>The manifests of deploy/kubernetes/serving have members that Kubernetes knows, and belong together.</summary>
public sealed partial class KubernetesTests
{
    private const string Folder = "deploy/kubernetes/serving";

    private static readonly Dictionary<string, Type> _customTypes = new()
    {
        ["keda.sh/v1alpha1/ScaledObject"] = typeof(ScaledObject),
        ["monitoring.coreos.com/v1/ServiceMonitor"] = typeof(ServiceMonitor),
        ["kustomize.config.k8s.io/v1beta1/Kustomization"] = typeof(Kustomization),
    };

    private static readonly Dictionary<string, object> _all = Directory.GetFiles(Path.Combine(RepositoryFolder.Root, Folder), "*.yaml")
        .ToDictionary(file => Path.GetFileName(file), file => Assert.Single(
            KubernetesYaml.LoadAllFromString(File.ReadAllText(file), _customTypes, strict: true)));

    private static V1Deployment Deployment => (V1Deployment)_all["deployment.yaml"];

    private static V1PodSpec Pod => Deployment.Spec.Template.Spec;

    private static V1Container Container => Assert.Single(Pod.Containers);

    [Fact]
    public void A_member_that_is_unknown_would_be_found()
    {
        string text = File.ReadAllText(Path.Combine(RepositoryFolder.Root, Folder, "deployment.yaml"));
        Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString(
            text.Replace("failureThreshold", "failureTreshold", StringComparison.Ordinal), strict: true));
    }

    [Fact]
    public void Selectors_find_the_pods()
    {
        IDictionary<string, string> labels = Deployment.Spec.Template.Metadata.Labels;
        var service = (V1Service)_all["service.yaml"];
        foreach (IDictionary<string, string> selector in (IDictionary<string, string>[])
            [
                Deployment.Spec.Selector.MatchLabels, service.Spec.Selector,
                ((V1PodDisruptionBudget)_all["poddisruptionbudget.yaml"]).Spec.Selector.MatchLabels,
            ])
        {
            Assert.NotEmpty(selector);
            Assert.All(selector, label => Assert.Equal(label.Value, labels[label.Key]));
        }

        var monitor = (ServiceMonitor)_all["servicemonitor.yaml"];
        Assert.All(monitor.Spec.Selector.MatchLabels, label => Assert.Equal(label.Value, service.Metadata.Labels[label.Key]));
        V1ServicePort port = Assert.Single(service.Spec.Ports);
        Assert.Equal(Assert.Single(Container.Ports).Name, port.TargetPort.Value);
        Assert.Equal(port.Name, Assert.Single(monitor.Spec.Endpoints).Port);
        Assert.Equal(Deployment.Metadata.Name, ((ScaledObject)_all["scaledobject.yaml"]).Spec.ScaleTargetRef.Name);
        Assert.Equal(Deployment.Metadata.Name, ((V2HorizontalPodAutoscaler)_all["horizontalpodautoscaler.yaml"]).Spec.ScaleTargetRef.Name);
    }

    [Fact]
    public void Probes_ask_for_what_the_server_has_and_it_has_time_to_drain()
    {
        Assert.Equal("/health/live", Container.LivenessProbe.HttpGet.Path);
        Assert.Equal(("/health/ready", "/health/ready"), (Container.StartupProbe.HttpGet.Path, Container.ReadinessProbe.HttpGet.Path));
        V1EnvVar drain = Container.Env.Single(variable => variable.Name == "Server__DrainTimeout");
        double seconds = TimeSpan.Parse(drain.Value, System.Globalization.CultureInfo.InvariantCulture).TotalSeconds;
        Assert.True(Pod.TerminationGracePeriodSeconds > Container.Lifecycle.PreStop.Sleep.Seconds + seconds);
    }

    [Fact]
    public void The_pod_may_not_do_more_than_it_has_to()
    {
        Assert.True(Pod.SecurityContext.RunAsNonRoot);
        Assert.True(Pod.SecurityContext.RunAsUser > 0);
        Assert.False(Pod.AutomountServiceAccountToken);
        Assert.True(Container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.False(Container.SecurityContext.AllowPrivilegeEscalation);
        Assert.Equal(["ALL"], Container.SecurityContext.Capabilities.Drop);
        Assert.Equal(["cpu", "memory"], Container.Resources.Limits.Keys.Order());
        // Each mount has its volume.
        Assert.Equal(Pod.Volumes.Select(volume => volume.Name).Order(), Container.VolumeMounts.Select(mount => mount.Name).Order());
    }

    [Fact]
    public void Variables_are_options_of_the_server()
    {
        string[] known = [.. typeof(GenerativeServerOptions).GetProperties().Select(property => property.Name)];
        foreach (V1EnvVar variable in Container.Env.Where(variable => !variable.Name.StartsWith("Models__", StringComparison.Ordinal)))
        {
            Assert.StartsWith("Server__", variable.Name);
            Assert.Contains(variable.Name["Server__".Length..], known);
        }

        string key = Assert.Single(((ServiceMonitor)_all["servicemonitor.yaml"]).Spec.Endpoints).Authorization.Credentials.Key;
        Assert.Equal($"Server__{nameof(GenerativeServerOptions.ApiKeys)}__0", key);
    }

    [Fact]
    public void Servers_are_scaled_by_a_metric_that_there_is()
    {
        string source = File.ReadAllText(Path.Combine(
            RepositoryFolder.Root, "src/Microsoft.ML.Generative.AspNetCore/Metrics/ServerMetrics.cs"));
        string metric = Assert.Single(((V2HorizontalPodAutoscaler)_all["horizontalpodautoscaler.yaml"]).Spec.Metrics).Pods.Metric.Name;
        Assert.Contains($"\"{metric}\"", source);
        ScaledObjectSpec scaling = ((ScaledObject)_all["scaledobject.yaml"]).Spec;
        Assert.Contains(metric, Assert.Single(scaling.Triggers).Metadata["query"]);
        Assert.InRange(scaling.MinReplicaCount, 1, scaling.MaxReplicaCount);
    }

    [Fact]
    public void All_that_is_applied_is_there()
    {
        var kustomization = (Kustomization)_all["kustomization.yaml"];
        Assert.All(kustomization.Resources, file => Assert.Contains(file, _all.Keys));
        Assert.DoesNotContain("horizontalpodautoscaler.yaml", kustomization.Resources);
    }

    [Fact]
    public void Both_images_of_the_server_are_alike_and_have_no_root()
    {
        XDocument project = XDocument.Load(Path.Combine(RepositoryFolder.Root, "samples/Server/Server.csproj"));
        string Property(string name) => project.Descendants(name).Single().Value;
        string docker = File.ReadAllText(Path.Combine(RepositoryFolder.Root, "samples/Server/Dockerfile"));
        Assert.Equal(Property("ContainerBaseImage"), FromPattern().Matches(docker)[^1].Groups[1].Value);
        Assert.Contains($"USER {Property("ContainerUser")}\n", docker);
        Assert.Equal(Property("ContainerUser"), Pod.SecurityContext.RunAsUser.ToString());
        Assert.Contains($"\"{Property("AssemblyName")}.dll\"", docker);
        string port = (string)project.Descendants("ContainerPort").Single().Attribute("Include")!;
        Assert.Contains($"EXPOSE {port}\n", docker);
        Assert.Equal(port, Assert.Single(Container.Ports).ContainerPort.ToString());
    }

    [GeneratedRegex(@"^FROM (\S+)", RegexOptions.Multiline)]
    private static partial Regex FromPattern();

    /// <summary>What is used of a resource of KEDA.</summary>
    internal sealed class ScaledObject : CustomResource
    {
        [YamlMember(Alias = "spec")]
        public ScaledObjectSpec Spec { get; set; } = new();
    }

    internal sealed class ScaledObjectSpec
    {
        [YamlMember(Alias = "scaleTargetRef")]
        public NamedReference ScaleTargetRef { get; set; } = new();

        [YamlMember(Alias = "minReplicaCount")]
        public int MinReplicaCount { get; set; }

        [YamlMember(Alias = "maxReplicaCount")]
        public int MaxReplicaCount { get; set; }

        [YamlMember(Alias = "cooldownPeriod")]
        public int CooldownPeriod { get; set; }

        [YamlMember(Alias = "triggers")]
        public List<ScaledObjectTrigger> Triggers { get; set; } = [];
    }

    internal sealed class ScaledObjectTrigger
    {
        [YamlMember(Alias = "type")]
        public string Type { get; set; } = "";

        [YamlMember(Alias = "metricType")]
        public string MetricType { get; set; } = "";

        [YamlMember(Alias = "metadata")]
        public Dictionary<string, string> Metadata { get; set; } = [];
    }

    internal sealed class NamedReference
    {
        [YamlMember(Alias = "name")]
        public string Name { get; set; } = "";
    }

    /// <summary>What is used of a resource of Prometheus' operator.</summary>
    internal sealed class ServiceMonitor : CustomResource
    {
        [YamlMember(Alias = "spec")]
        public ServiceMonitorSpec Spec { get; set; } = new();
    }

    internal sealed class ServiceMonitorSpec
    {
        [YamlMember(Alias = "selector")]
        public V1LabelSelector Selector { get; set; } = new();

        [YamlMember(Alias = "endpoints")]
        public List<MonitoredEndpoint> Endpoints { get; set; } = [];
    }

    internal sealed class MonitoredEndpoint
    {
        [YamlMember(Alias = "port")]
        public string Port { get; set; } = "";

        [YamlMember(Alias = "path")]
        public string Path { get; set; } = "";

        [YamlMember(Alias = "interval")]
        public string Interval { get; set; } = "";

        [YamlMember(Alias = "authorization")]
        public EndpointAuthorization Authorization { get; set; } = new();
    }

    internal sealed class EndpointAuthorization
    {
        [YamlMember(Alias = "type")]
        public string Type { get; set; } = "";

        [YamlMember(Alias = "credentials")]
        public V1SecretKeySelector Credentials { get; set; } = new();
    }

    internal sealed class Kustomization : CustomResource
    {
        [YamlMember(Alias = "resources")]
        public List<string> Resources { get; set; } = [];
    }

    internal abstract class CustomResource : IKubernetesObject
    {
        [YamlMember(Alias = "apiVersion")]
        public string ApiVersion { get; set; } = "";

        [YamlMember(Alias = "kind")]
        public string Kind { get; set; } = "";

        [YamlMember(Alias = "metadata")]
        public V1ObjectMeta Metadata { get; set; } = new();
    }
}
