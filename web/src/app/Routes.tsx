import { Redirect, Route, Switch, useParams } from "wouter";
import { later } from "@/ui/later";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";

const ProjectsPage = later(() => import("@/rooms/tracking/ProjectsPage"));
export const ProjectPage = later(() => import("@/rooms/tracking/ProjectPage"));
export const RunPage = later(() => import("@/rooms/tracking/RunPage"));
const ViewPage = later(() => import("@/rooms/tracking/ViewPage"));
const ComparePage = later(() => import("@/rooms/tracking/ComparePage"));
const ExperimentPage = later(() => import("@/rooms/tracking/ExperimentPage"));
const ReviewsPage = later(() => import("@/rooms/review/ReviewsPage"));
const ReviewPage = later(() => import("@/rooms/review/ReviewPage"));
const ReproductionsPage = later(() => import("@/rooms/repro/ReproductionsPage"));
const ReproductionPage = later(() => import("@/rooms/repro/ReproductionPage"));
const WhyPage = later(() => import("@/rooms/repro/WhyPage"));
const KnowledgePage = later(() => import("@/rooms/knowledge/KnowledgePage"));
const LibrariesPage = later(() => import("@/rooms/knowledge/libraries/LibrariesPage"));
const LibraryPage = later(() => import("@/rooms/knowledge/libraries/LibraryPage"));
const StandardsPage = later(() => import("@/rooms/standards/StandardsPage"));
const KnowledgeArticle = later(() => import("@/rooms/knowledge/ArticlePage"));
const InboxPage = later(() => import("@/rooms/coordination/InboxPage"));
const QueuePage = later(() => import("@/rooms/coordination/QueuePage"));
const ModelsPage = later(() => import("@/rooms/registry/ModelsPage"));
const ModelPage = later(() => import("@/rooms/registry/ModelPage"));
const VersionPage = later(() => import("@/rooms/registry/VersionPage"));
const DatasetPage = later(() => import("@/rooms/registry/data/DatasetPage"));
const InsightsPage = later(() => import("@/rooms/insights/InsightsPage"));
const ReportsPage = later(() => import("@/rooms/insights/ReportsPage"));
const ReportPage = later(async () => ({ default: (await import("@/rooms/insights/ReportPage")).ReportPage }));
const NewReportPage = later(async () => ({ default: (await import("@/rooms/insights/ReportPage")).NewReportPage }));
const AdminPage = later(() => import("@/rooms/governance/AdminPage"));
const AccountPage = later(() => import("@/rooms/governance/AccountPage"));
const LoginPage = later(() => import("@/rooms/governance/LoginPage"));
const SignInPage = later(() => import("@/rooms/governance/SignInPage"));
const EnterPage = later(() => import("@/rooms/governance/EnterPage"));
const WelcomePage = later(() => import("@/rooms/governance/WelcomePage"));
const LegendPage = later(() => import("./LegendPage"));

function Project() {
  const params = useParams();
  return <ProjectPage key={params["*"]} path={params["*"] ?? ""} />;
}

/** Every address of the app. A page is loaded when it is first opened. */
export function Routes() {
  return (
    <Switch>
      <Route path="/sign-in"><SignInPage /></Route>
      <Route path="/enter"><EnterPage /></Route>
      <Route path="/welcome"><WelcomePage /></Route>
      <Route>
        <Shell>
          <Switch>
            <Route path="/"><Redirect to="/projects" replace /></Route>
            <Route path="/inbox"><InboxPage /></Route>
            <Route path="/projects"><ProjectsPage /></Route>
            <Route path="/projects/*"><Project /></Route>
            <Route path="/runs/:id/:tab?">{(p) => <RunPage key={p.id} id={p.id} tab={p.tab ?? "summary"} />}</Route>
            <Route path="/experiments/:id">{(p) => <ExperimentPage id={p.id} />}</Route>
            <Route path="/views/:id">{(p) => <ViewPage id={p.id} />}</Route>
            <Route path="/compare"><ComparePage /></Route>
            <Route path="/reviews"><ReviewsPage /></Route>
            <Route path="/reviews/:id">{(p) => <ReviewPage key={p.id} id={p.id} />}</Route>
            <Route path="/reproductions"><ReproductionsPage /></Route>
            <Route path="/reproductions/:id">{(p) => <ReproductionPage id={p.id} />}</Route>
            <Route path="/why/:id">{(p) => <WhyPage key={p.id} id={p.id} />}</Route>
            <Route path="/models"><ModelsPage /></Route>
            <Route path="/models/:name/:version">{(p) => <VersionPage key={`${p.name} ${p.version}`} name={p.name} version={p.version} />}</Route>
            <Route path="/models/:name">{(p) => <ModelPage key={p.name} name={p.name} />}</Route>
            <Route path="/data/:dataset/:tab?">{(p) => <DatasetPage key={p.dataset} reference={p.dataset} tab={p.tab ?? "history"} />}</Route>
            <Route path="/knowledge"><KnowledgePage /></Route>
            <Route path="/libraries"><LibrariesPage /></Route>
            <Route path="/libraries/*">{(p) => <LibraryPage key={p["*"]} name={p["*"] ?? ""} />}</Route>
            <Route path="/standards/*">{(p) => <StandardsPage key={p["*"]} path={p["*"] ?? ""} />}</Route>
            <Route path="/knowledge/:id">{(p) => <KnowledgeArticle id={p.id} />}</Route>
            <Route path="/queue"><QueuePage /></Route>
            <Route path="/insights"><InsightsPage /></Route>
            <Route path="/reports"><ReportsPage /></Route>
            <Route path="/reports/new"><NewReportPage /></Route>
            <Route path="/reports/:id">{(p) => <ReportPage key={p.id} id={p.id} />}</Route>
            <Route path="/admin/:tab?">{(p) => <AdminPage tab={p.tab ?? "members"} />}</Route>
            <Route path="/account"><AccountPage /></Route>
            <Route path="/login"><LoginPage /></Route>
            <Route path="/legend"><LegendPage /></Route>
            <Route><NotFound /></Route>
          </Switch>
        </Shell>
      </Route>
    </Switch>
  );
}
